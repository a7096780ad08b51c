import { describe, expect, it } from "vitest";
import { EnvironmentId, KeyId, ProjectId, TenantId, WorkspaceId } from "../../../shared/contracts/ids.ts";
import { isRequester, layersOf, mayDecide, seesAll } from "./reach.ts";

const HOME = TenantId.parse("home");
const ACME = TenantId.parse("acme");
const scopesOf = (tenant: TenantId) => ({
  tenant,
  workspace: WorkspaceId.parse("default"),
  project: ProjectId.parse("default"),
  environment: EnvironmentId.parse("production"),
});
type Reader = Parameters<typeof layersOf>[0];
const person = (over: Partial<Reader> = {}): Reader => ({
  scopes: scopesOf(ACME),
  subject: "user:dana",
  roles: ["approver"],
  kid: KeyId.parse("000000000000"),
  cell_operator: false,
  ...over,
});
/** At home, and with another tenant selected: then no key of theirs is known there. */
const operator = person({ scopes: scopesOf(HOME), cell_operator: true });
const visiting = person({ scopes: scopesOf(ACME), cell_operator: true, kid: null });
const demands = (layer: "cell" | "tenant") => ({
  demands: [{ layer, approvers: 1, role: "approver" as const, edit: false }],
});

describe("the layers that somebody speaks for", () => {
  it("are the tenant's for people of the tenant, and for nobody of another", () => {
    expect(layersOf(person(), ACME)).toEqual(["tenant"]);
    expect(layersOf(person({ kid: null }), ACME)).toEqual(["tenant"]);
    expect(layersOf(person(), HOME)).toEqual([]);
  });

  it("are the cell's for its operators, so that selecting a tenant never makes one of its approvers", () => {
    expect(layersOf(operator, ACME)).toEqual(["cell"]);
    expect(layersOf(visiting, ACME)).toEqual(["cell"]);
    expect(layersOf(operator, HOME)).toEqual(["cell", "tenant"]);
  });
});

describe("who decides", () => {
  it("holds the role that a demand of their own layer names", () => {
    expect(mayDecide(person(), ACME, demands("tenant"))).toBe(true);
    expect(mayDecide(person({ roles: ["admin"] }), ACME, demands("tenant"))).toBe(false);
    expect(mayDecide(person(), ACME, demands("cell"))).toBe(false);
    expect(mayDecide(visiting, ACME, demands("tenant"))).toBe(false);
    expect(mayDecide(visiting, ACME, demands("cell"))).toBe(true);
  });
});

describe("who sees", () => {
  it("all of a tenant's approvals: its administrators, approvers, auditors and operators, and operators of the cell", () => {
    for (const role of ["admin", "approver", "auditor", "operator"] as const)
      expect([seesAll(person({ roles: [role] }), ACME), seesAll(person({ roles: [role] }), HOME)]).toEqual([
        true,
        false,
      ]);
    expect(seesAll(person({ roles: ["developer"] }), ACME)).toBe(false);
    expect(seesAll(operator, ACME)).toBe(true);
  });

  it("their own, which one of the same name in another tenant is not", () => {
    const record = {
      requester: { subject: "user:dana", credential: "key:1", workspace: "w", project: "p", environment: "e" },
    };
    expect(isRequester(person(), ACME, record)).toBe(true);
    expect(isRequester(person(), HOME, record)).toBe(false);
    expect(isRequester(person({ subject: "user:other" }), ACME, record)).toBe(false);
  });
});
