import { describe, expect, it } from "vitest";
import type { NanoUsd } from "../../../shared/contracts/ids.ts";
import { NANO_USD_MAX, nanoUsd } from "../../../shared/contracts/money.ts";
import type { BudgetRecord, Change } from "../../../shared/contracts/ports/tenant-store.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  budget,
  budgetId,
  KID,
  kidOf,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { deleteBudget, listBudgets, putBudget, sweep } from "../core.ts";

const DAY_MS = 86_400_000;
const ANY: BudgetRecord["scope"] = { workspace: null, project: null, environment: null, kid: null };
const spans = (t: ReturnType<typeof openTenant>) =>
  t.sql.all("SELECT budget, spent_nusd AS spent, held_nusd AS held FROM budget_span ORDER BY budget, span");

describe("a budget", () => {
  it.each([
    ["workspace", "default", "other"],
    ["project", "default", "other"],
    ["environment", "default", "other"],
    ["kid", KID, kidOf(2)],
  ] as const)("of a %s counts the calls of that one, and nobody else's", (scope, own, other) => {
    const of = (name: string) =>
      openTenant({ budgets: [budget({ scope: { ...ANY, [scope]: name }, limit_nusd: nanoUsd(0) })] });
    expect(of(own).admit(admitRequest(taskId(1), NOON))).toMatchObject({ error: { reason: "budget_exhausted" } });
    const t = of(other);
    expect(t.admit(admitRequest(taskId(1), NOON))).toMatchObject({ ok: true, value: { hard: false, warnings: [] } });
    expect(spans(t)).toEqual([]);
  });

  it("of several members counts only what matches them all", () => {
    const scope = { ...ANY, workspace: "default", project: "web", environment: "live" };
    const t = openTenant({ budgets: [budget({ scope, limit_nusd: nanoUsd(0) })] });
    const admitted = (n: number, by: object) => t.admit(admitRequest(taskId(n), NOON, { by: attribution(by) })).ok;
    expect(admitted(1, { project: "web" })).toBe(true);
    expect(admitted(2, { environment: "live" })).toBe(true);
    expect(admitted(3, { workspace: "research", project: "web", environment: "live" })).toBe(true);
    expect(admitted(4, { project: "web", environment: "live" })).toBe(false);
  });

  it("is measured by its own sums, not by those of another or of another day", () => {
    const scope = { ...ANY, workspace: "research" };
    const t = openTenant({
      budgets: [
        budget({ limit_nusd: nanoUsd(9_000_000) }),
        budget({ id: budgetId(2), scope, limit_nusd: nanoUsd(3_000_000) }),
      ],
    });
    const research = attribution({ workspace: "research" });
    t.admit(admitRequest(taskId(1), NOON));
    expect(t.admit(admitRequest(taskId(2), NOON, { by: research })).ok).toBe(true);
    expect(t.admit(admitRequest(taskId(3), NOON, { by: research }))).toMatchObject({ error: { budget: budgetId(2) } });
    t.env.now += DAY_MS;
    expect(t.admit(admitRequest(taskId(4), t.env.now, { by: research })).ok).toBe(true);
    expect(spans(t)).toEqual([
      { budget: budgetId(1), spent: 0, held: 4_000_000 },
      { budget: budgetId(1), spent: 0, held: 2_000_000 },
      { budget: budgetId(2), spent: 0, held: 2_000_000 },
      { budget: budgetId(2), spent: 0, held: 2_000_000 },
    ]);
    expect(
      listBudgets(t.sql, t.env, access({ kid: null, versions: { credential: 0, state: 1, policy: 1 } })),
    ).toMatchObject({
      value: [2_000_000, 2_000_000].map((held_nusd) => ({ spent_nusd: 0, held_nusd })),
    });
    t.settle(settleRequest(taskId(2)));
    expect(spans(t)).toEqual([
      { budget: budgetId(1), spent: 1_450_000, held: 2_000_000 },
      { budget: budgetId(1), spent: 0, held: 2_000_000 },
      { budget: budgetId(2), spent: 1_450_000, held: 0 },
      { budget: budgetId(2), spent: 0, held: 2_000_000 },
    ]);
    expectInvariants(t);
  });

  it("takes a call to its last nano-dollar, and not one more", () => {
    const t = openTenant({ budgets: [budget({ limit_nusd: nanoUsd(4_000_000) })] });
    t.admit(admitRequest(taskId(1), NOON));
    expect(t.admit(admitRequest(taskId(2), NOON, { hold_nusd: nanoUsd(2_000_001) })).ok).toBe(false);
    expect(t.admit(admitRequest(taskId(3), NOON)).ok).toBe(true);
    expect(t.admit(admitRequest(taskId(4), NOON, { hold_nusd: nanoUsd(1) })).ok).toBe(false);
    expect(t.admit(admitRequest(taskId(5), NOON, { hold_nusd: nanoUsd(0) })).ok).toBe(true);
  });

  it("is corrected in the period of the call alone when a late settlement costs less than was charged", () => {
    const t = openTenant({ budgets: [budget(), budget({ id: budgetId(2), period: "month" })] });
    t.admit(admitRequest(taskId(1), NOON));
    t.admit(admitRequest(taskId(2), NOON));
    t.settle(settleRequest(taskId(2)));
    t.env.now += DAY_MS;
    sweep(t.sql, t.env);
    t.admit(admitRequest(taskId(3), t.env.now));
    t.settle(settleRequest(taskId(1), { cost_nusd: nanoUsd(500_000) }));
    expect(spans(t)).toEqual([
      { budget: budgetId(1), spent: 1_950_000, held: 0 },
      { budget: budgetId(1), spent: 0, held: 2_000_000 },
      { budget: budgetId(2), spent: 1_950_000, held: 2_000_000 },
    ]);
    expectInvariants(t);
  });
});

describe("a change of a budget", () => {
  const change: Change = { access: access(), by: attribution({ subject: "finance" }) };
  const scope = { ...ANY, workspace: "research", kid: KID };
  const last = (t: ReturnType<typeof openTenant>) => {
    const { kind, outcome, action, subject, detail } = t.entries().at(-1) ?? {};
    return { kind, outcome, action, subject, detail };
  };

  it("answers that budget as it is now, and is an entry that says all of it", () => {
    const t = openTenant({ budgets: [budget({ id: budgetId(0), hard: false })] });
    const { id, period, limit_nusd } = budget();
    putBudget(t.sql, t.env, change, budget({ scope }), null);
    for (const [hard, version] of [
      [true, 2],
      [false, 3],
    ] as const) {
      const view = { id, scope, period, limit_nusd, hard, version };
      expect(putBudget(t.sql, t.env, change, budget({ scope, hard }), null)).toMatchObject({ value: view });
      expect(last(t)).toEqual({
        ...{ kind: "budget.changed", outcome: "success", action: "budget:write", subject: "finance" },
        detail: { budget: view },
      });
      expect(listBudgets(t.sql, t.env, access())).toMatchObject({
        value: [{ id: budgetId(0), scope: ANY, hard: false }, view],
      });
    }
    deleteBudget(t.sql, t.env, change, id);
    expect(last(t)).toEqual({
      ...{ kind: "budget.deleted", outcome: "success", action: "budget:write", subject: "finance" },
      detail: { budget: { id } },
    });
    expectInvariants(t);
  });

  it.each<[string, Partial<ReturnType<typeof budget>>]>([
    ["workspace", { scope: { ...ANY, workspace: "other" } }],
    ["project", { scope: { ...ANY, project: "other" } }],
    ["environment", { scope: { ...ANY, environment: "other" } }],
    ["key", { scope: { ...ANY, kid: kidOf(2) } }],
    ["period", { period: "month" }],
    ["limit", { limit_nusd: nanoUsd(5) }],
    ["hardness", { hard: false }],
  ])("replaces its %s, so that what was written is what holds", (_, members) => {
    const t = openTenant({ budgets: [budget()] });
    const replaced = putBudget(t.sql, t.env, change, budget(members), 1);
    expect(replaced).toMatchObject({ ok: true, value: { ...budget(members), version: 2 } });
    expect(listBudgets(t.sql, t.env, access())).toMatchObject({ value: [budget(members)] });
  });

  it("that deletes one leaves the others as they are, with what is held on them, in order of their ids", () => {
    const t = openTenant({ budgets: [3, 1, 2].map((n) => budget({ id: budgetId(n) })) });
    t.admit(admitRequest(taskId(1), NOON));
    putBudget(t.sql, t.env, change, budget({ id: budgetId(4) }), null);
    deleteBudget(t.sql, t.env, change, budgetId(2));
    t.settle(settleRequest(taskId(1)));
    expect(listBudgets(t.sql, t.env, access())).toMatchObject({
      value: [1, 3, 4].map((n) => ({ id: budgetId(n), spent_nusd: n === 4 ? 0 : 1_450_000, held_nusd: 0 })),
    });
    expectInvariants(t);
  });

  it("of a locked tenant is refused and on record under its action", () => {
    for (const attempt of [
      (t: ReturnType<typeof openTenant>, by: Change) => putBudget(t.sql, t.env, by, budget(), null),
      (t: ReturnType<typeof openTenant>, by: Change) => deleteBudget(t.sql, t.env, by, budgetId(1)),
    ]) {
      const t = openTenant({ budgets: [budget()] });
      t.sql.run("UPDATE tenant SET locked = 1");
      expect(attempt(t, change)).toEqual({ ok: false, error: { reason: "locked" } });
      expect(last(t)).toMatchObject({ kind: "call.refused", outcome: "failure", action: "budget:write" });
    }
  });

  it("takes no limit that is no amount of money, and writes nothing of it", () => {
    const t = openTenant();
    // safe because: it is to be refused
    for (const limit of [0.5, Number.NaN, NANO_USD_MAX + 1])
      expect(() => putBudget(t.sql, t.env, change, budget({ limit_nusd: limit as NanoUsd }), null)).toThrow(RangeError);
    expect(listBudgets(t.sql, t.env, access())).toEqual({ ok: true, value: [] });
  });
});
