import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Decision, PolicyInput } from "../../shared/contracts/decision.ts";
import { ApprovalId, TaskId, type UnixMs } from "../../shared/contracts/ids.ts";
import { type ObligedCell, obligedCell } from "../support/obliged-cell.ts";
import { talkingEngine } from "../support/talking-engine.ts";
import { attribution } from "../support/tenant-fixtures.ts";

let cell: ObligedCell;
beforeAll(async () => {
  cell = await obligedCell(talkingEngine);
});
afterAll(() => cell.close());
beforeEach(() => {
  cell.state.decision = {};
  cell.state.ofResource = () => ({});
  cell.state.listed.length = 0;
});

type Tenant = Awaited<ReturnType<ObligedCell["tenant"]>>;
const DENY: Partial<Decision> = { decision: "DENY", reasons: ["hidden"] };
const hiding = (hidden: (input: PolicyInput) => boolean, answer = DENY) => {
  cell.state.ofResource = (input) => (hidden(input) ? answer : {});
};
const listed = async (tenant: Tenant, path: string) => {
  const response = await tenant.ask(path);
  expect(response.status).toBe(200);
  return (await response.json()) as { data: { id: string }[]; has_more: boolean; next_cursor: string | null };
};
const idsOf = ({ data }: { data: { id: string }[] }) => data.map(({ id }) => id);

/** Waiting requests of two workspaces, oldest first. */
async function approvals(tenant: Tenant): Promise<string[]> {
  const found = await cell.tenants.lookup(tenant.id, null);
  if (!found.ok) throw new Error(found.error.reason);
  const access = { kid: null, versions: { credential: 0, ...found.value.state.versions } };
  const ids: string[] = [];
  for (const [n, workspace] of ["default", "secret", "default"].entries()) {
    const id = ApprovalId.parse(`apr_${String(n).padStart(26, "0")}`);
    const asked = await cell.tenants.requestApproval(
      tenant.id,
      { access, by: attribution() },
      {
        id,
        task: TaskId.parse(`task_${String(n).padStart(26, "0")}`),
        subject: { kind: "operation", digest: String(n).repeat(64) },
        operation: "keys.create",
        action: "key:write",
        resource: { kind: "key", id: null },
        requester: { subject: "x", credential: "c", workspace, project: "default", environment: "default" },
        reasons: ["test"],
        demands: [{ layer: "tenant", approvers: 1, role: "approver", edit: false }],
        key_hash: null,
        expires_ms: (Date.now() + 3_600_000) as UnixMs, // safe because: milliseconds
      },
    );
    if (!asked.ok) throw new Error(asked.error.reason);
    ids.push(id);
  }
  return ids;
}

describe("a list", () => {
  it("of keys holds what policy lets the caller read, key by key, and asks about a page at once", async () => {
    const tenant = await cell.tenant();
    const all = idsOf(await listed(tenant, "/v1/keys"));
    expect(all).toHaveLength(2);
    hiding(({ action, resource }) => action === "key:read" && resource.kind === "key" && resource.id === all[0]);
    expect(idsOf(await listed(tenant, "/v1/keys"))).toEqual(all.slice(1));
    expect(cell.state.listed).toEqual([2, 2]);
  });

  it("goes on behind a page of which nothing may be read, so that hidden items end no list", async () => {
    const tenant = await cell.tenant();
    const all = idsOf(await listed(tenant, "/v1/keys"));
    hiding(({ resource }) => resource.id === all[0]);
    const first = await listed(tenant, "/v1/keys?limit=1");
    expect([first.data, first.has_more]).toEqual([[], true]);
    expect(idsOf(await listed(tenant, `/v1/keys?limit=1&cursor=${first.next_cursor}`))).toEqual(all.slice(1));
  });

  it("of approvals is asked about with the workspace of who asked, not of who looks", async () => {
    const tenant = await cell.tenant();
    const [first, , last] = await approvals(tenant);
    hiding(({ scopes }) => scopes.workspace === "secret");
    expect(idsOf(await listed(tenant, "/v1/approvals"))).toEqual([last, first]);
  });

  it("shows nothing that policy would show after an approval or a step-up, or under what the list does not do", async () => {
    const tenant = await cell.tenant();
    const all = idsOf(await listed(tenant, "/v1/keys"));
    for (const answer of [
      { decision: "REQUIRE_HITL" as const },
      { decision: "REQUIRE_STEP_UP" as const, acr: { values: ["phr"] } },
      { decision: "THROTTLE" as const },
      { obligations: [{ id: "disclaimer" as const, params: { text: "Mind this." } }] },
    ]) {
      hiding(({ resource }) => resource.id === all[1], answer);
      expect([answer, idsOf(await listed(tenant, "/v1/keys"))]).toEqual([answer, all.slice(0, 1)]);
    }
  });

  it("without items asks nobody", async () => {
    const tenant = await cell.tenant();
    expect((await listed(tenant, "/v1/budgets")).data).toEqual([]);
    expect(cell.state.listed).toEqual([]);
  });
});
