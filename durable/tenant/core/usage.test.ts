import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import type { UsageQuery } from "../../../shared/contracts/ports/tenant-store.ts";
import { NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  KID,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { revokeKey, sweep, usage } from "../core.ts";
import { addUsage } from "./usage.ts";

type Tenant = ReturnType<typeof openTenant>;
const DAY_MS = 86_400_000;
const ALL: UsageQuery = { from: "2026-11-21", to: "2026-11-24", group_by: [], workspace: null, limit: 100, offset: 0 };
const operator = access({ kid: null, versions: { credential: 0, state: 1, policy: 1 } });

function asked(t: Tenant, query: Partial<UsageQuery>) {
  const rows = usage(t.sql, t.env, operator, { ...ALL, ...query });
  if (!rows.ok) throw new Error(rows.error.reason);
  return rows.value;
}
/** Three days: a call a day of each workspace, the second one without key and model. */
function used(): Tenant {
  const t = openTenant();
  for (let n = 0; n < 6; n++) {
    t.env.now = NOON + Math.floor(n / 2) * DAY_MS;
    const own = n % 2 === 0;
    const by = attribution({ workspace: own ? "default" : "research" });
    const members = own ? { by } : { by, access: operator, model: null };
    expect(t.admit(admitRequest(taskId(n), t.env.now, members)).ok).toBe(true);
    const rows = [{ meter: "tokens_cached" as const, quantity: 10 ** n }];
    t.settle(settleRequest(taskId(n), { usage: rows, cost_nusd: nanoUsd(2 * 10 ** n) }));
  }
  return t;
}

describe("the usage of a tenant", () => {
  it("of one workspace is that one's alone, so that no team reads another's bill", () => {
    const t = used();
    expect(asked(t, { workspace: "research" })).toMatchObject([
      { requests: 3, tokens_cached: 101_010, cost_nusd: 202_020 },
    ]);
    expect(asked(t, { workspace: "default" })).toMatchObject([
      { requests: 3, tokens_cached: 10_101, cost_nusd: 20_202 },
    ]);
    expect(asked(t, { workspace: "nobody" })).toEqual([]);
    expect(asked(t, {})).toMatchObject([{ requests: 6, tokens_in: 0, tokens_out: 0, cost_nusd: 222_222 }]);
  });

  it("of a range has its first day and not its last", () => {
    const t = used();
    expect(asked(t, { from: "2026-11-22", to: "2026-11-23" })).toMatchObject([{ requests: 2, cost_nusd: 22_00 }]);
    expect(asked(t, { from: "2026-11-22", to: "2026-11-22" })).toEqual([]);
    expect(() => asked(t, { from: "2026-11-31" })).toThrow(RangeError);
  });

  it("names what it is grouped by, in that order, and nothing where there was no key or model", () => {
    const t = used();
    const group = (over: object) => ({ day: null, model: null, workspace: null, key: null, ...over });
    const names = (query: Partial<UsageQuery>) =>
      asked(t, query).map(({ day, model, workspace, key }) => ({ day, model, workspace, key }));
    expect(names({ group_by: ["workspace", "key", "model"] })).toEqual([
      group({ workspace: "default", key: KID, model: "chat-small" }),
      group({ workspace: "research" }),
    ]);
    expect(names({ group_by: ["day", "day", "key"], to: "2026-11-23" })).toEqual([
      group({ day: "2026-11-21" }),
      group({ day: "2026-11-21", key: KID }),
      group({ day: "2026-11-22" }),
      group({ day: "2026-11-22", key: KID }),
    ]);
  });

  it("comes in pages, and never more of it than the bound and the one row that tells of more", () => {
    const t = used();
    const costs = (query: Partial<UsageQuery>) =>
      asked(t, { group_by: ["day", "workspace"], ...query }).map(({ cost_nusd }) => cost_nusd);
    expect(costs({ limit: 2, offset: 1 })).toEqual([20, 200]);
    expect([costs({ limit: -1 }), costs({ limit: 2, offset: -5 })]).toEqual([[], [2, 20]]);
    const of = { project: "default", environment: "default", kid: null };
    t.sql.enter();
    for (let n = 0; n < LIMITS.usageRowsMax + 5; n++)
      addUsage(
        t.sql,
        { ...of, workspace: `w${n}` },
        { day: 20_000, model: null, requests: 1, usage: [], cost_nusd: 1 },
      );
    t.sql.leave();
    const many = { group_by: ["workspace" as const], from: "2024-01-01", to: "2025-01-01", limit: 1_000_000 };
    expect(asked(t, many)).toHaveLength(LIMITS.usageRowsMax + 1);
  });

  it("counts each call of a day, and a correction as none", () => {
    const t = openTenant();
    for (let n = 0; n < 3; n++) {
      t.admit(admitRequest(taskId(n), NOON));
      if (n > 0) t.settle(settleRequest(taskId(n)));
    }
    t.env.now += 3_600_000;
    sweep(t.sql, t.env);
    expect(asked(t, { group_by: ["day"] })).toMatchObject([{ requests: 3, cost_nusd: 4_900_000, tokens_in: 420 }]);
    t.settle(settleRequest(taskId(0)));
    expect(asked(t, { group_by: ["day"] })).toMatchObject([{ requests: 3, cost_nusd: 4_350_000, tokens_in: 630 }]);
  });

  it("is not told to a key that was revoked", () => {
    const t = used();
    revokeKey(t.sql, t.env, { access: operator, by: attribution() }, KID);
    expect(usage(t.sql, t.env, access(), ALL)).toEqual({ ok: false, error: { reason: "unknown_credential" } });
  });
});
