import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { WorkspacePin } from "../../../shared/contracts/workspace-pin.ts";
import { openTenant } from "../../../test/support/tenant-core.ts";
import { access, admitRequest, attribution, taskId } from "../../../test/support/tenant-fixtures.ts";
import { migrate, SchemaTooNew } from "../../runtime/migrate.ts";
import { change, lookup } from "../core.ts";
import { TENANT_MIGRATIONS } from "../migrations.ts";

const LOCAL: WorkspacePin = { privacy: "local-only", jurisdictions: ["eu"], providers: null };

describe("the pin of a workspace", () => {
  it("is in the tenant's state and ledger, and makes every decision from before it stale", () => {
    const tenant = openTenant();
    const by = attribution();
    const pin = { workspace: "research", to: LOCAL };
    const done = change(tenant.sql, tenant.env, { access: access(), by }, { pin });
    expect(done).toMatchObject({ ok: true, value: { pins: { research: LOCAL }, versions: { state: 2 } } });
    expect(lookup(tenant.sql, null).state.pins).toEqual({ research: LOCAL });
    expect(tenant.admit(admitRequest(taskId(1), tenant.env.now))).toMatchObject({
      error: { reason: "stale", which: "state" },
    });
    expect(tenant.entries().at(-1)).toMatchObject({
      kind: "tenant.changed",
      detail: { changed: ["pin"], pin },
    });
    const later = { access: access({ versions: { credential: 1, state: 2, policy: 1 } }), by };
    expect(change(tenant.sql, tenant.env, later, { pin: { workspace: "research", to: null } }).ok).toBe(true);
    expect(lookup(tenant.sql, null).state.pins).toBeUndefined();
  });

  it("keeps older releases away, which would route the workspace wider, and bounds how many there are", () => {
    const tenant = openTenant();
    const older = TENANT_MIGRATIONS.filter(({ id }) => id < 10);
    expect(() => migrate(tenant.sql, older)).not.toThrow();
    const set = (workspace: string, to: WorkspacePin | null, state: number) =>
      change(
        tenant.sql,
        tenant.env,
        { access: access({ versions: { credential: 1, state, policy: 1 } }), by: attribution() },
        { pin: { workspace, to } },
      );
    let state = 1;
    for (let n = 0; n < LIMITS.pinsPerTenantMax; n++) expect(set(`w${n}`, LOCAL, state++).ok).toBe(true);
    expect(() => set("one-more", LOCAL, state)).toThrow(RangeError);
    expect(() => migrate(tenant.sql, older)).toThrow(SchemaTooNew);
    for (let n = 0; n < LIMITS.pinsPerTenantMax; n++) expect(set(`w${n}`, null, state++).ok).toBe(true);
    expect(() => migrate(tenant.sql, older)).not.toThrow();
  });
});
