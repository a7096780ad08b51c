import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decisionId, recorded } from "../../../test/support/policy-fixtures.ts";
import { NOON, openTenant, type TestTenant } from "../../../test/support/tenant-core.ts";
import { admitRequest, attribution, bucket, settleRequest, taskId } from "../../../test/support/tenant-fixtures.ts";
import { sweep } from "../core.ts";

const GRACE_MS = 60_000 + 30_000;
const last = (t: TestTenant) => {
  const entry = t.entries().at(-1);
  return { kind: entry?.kind, outcome: entry?.outcome, detail: entry?.detail };
};

describe("the entry that ends a task", () => {
  it("says all of it: outcome, cost, usage, route with each reason, obligations and later decisions, so that evidence needs nothing else", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { decision: recorded(1), by: attribution({ decision: decisionId(1) }) }));
    const {
      route,
      detail: call,
      ...request
    } = settleRequest(taskId(1), {
      by: attribution({ decision: decisionId(1) }),
      obligations: [{ id: "redact_input", note: "2 spans", outcome: "applied" }],
      decisions: [recorded(2), recorded(3)],
    });
    t.settle({ ...request, route, detail: call });
    expect(last(t)).toEqual({
      ...{ kind: "task.closed", outcome: "success" },
      detail: {
        ...{ call, cost_nusd: 1_450_000, error: null, estimated: false, opened: 2, result: "none", route },
        ...{ decisions: [decisionId(2), decisionId(3)], status: "OK", usage: request.usage },
        obligations: [{ id: "redact_input", note: "2 spans", outcome: "applied" }],
      },
    });
  });

  it("says no more than was told: no route, no obligations and no decisions where there were none", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON));
    t.settle(settleRequest(taskId(1), { status: "ERROR", error: { code: "timeout", message: "m" }, route: null }));
    const { outcome, detail } = last(t);
    expect([outcome, detail?.route, detail?.error]).toEqual(["failure", null, "timeout"]);
    expect(Object.keys(detail ?? {})).not.toEqual(expect.arrayContaining(["obligations"]));
    expect(Object.keys(detail ?? {})).not.toEqual(expect.arrayContaining(["decisions"]));
  });

  it("is never lost to what is told beside it: decisions that are too long or too many are left out", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { decision: recorded(1), by: attribution({ decision: decisionId(1) }) }));
    const long = (n: number, beyond: number) => ({
      ...recorded(n),
      record: JSON.stringify("x".repeat(LIMITS.decisionRecordBytesMax - 2 + beyond)),
    });
    const many = Array.from({ length: LIMITS.decisionsPerTaskMax + 5 }, (_, n) => recorded(10 + n));
    const by = attribution({ decision: decisionId(1) });
    const settled = t.settle(settleRequest(taskId(1), { by, decisions: [long(2, 1), long(3, 0), ...many] }));
    expect(settled.ok).toBe(true);
    const kept = many.slice(0, LIMITS.decisionsPerTaskMax - 1).map(({ id }) => id);
    expect(last(t).detail?.decisions).toEqual([decisionId(3), ...kept]);
  });

  it("of a correction says what was charged before and on which day, as a success or as the failure that it was", () => {
    for (const [status, outcome] of [
      ["OK", "success"],
      ["ERROR", "failure"],
    ] as const) {
      const t = openTenant();
      t.admit(admitRequest(taskId(1), NOON));
      t.env.now = NOON + GRACE_MS;
      sweep(t.sql, t.env);
      t.env.now += 86_400_000;
      t.settle(settleRequest(taskId(1), { status }));
      expect(last(t)).toMatchObject({
        ...{ kind: "task.corrected", outcome },
        detail: { cost_nusd: 1_450_000, was_nusd: 2_000_000, day: "2026-11-21", opened: 2, status },
      });
    }
  });
});

describe("the tokens that a call had reserved", () => {
  const rates = [bucket({ unit: "tokens", limit: 600, burst: 6_000 })];
  const full = (t: TestTenant) => t.sql.get<{ ms: number }>("SELECT full_ms AS ms FROM bucket")?.ms;
  const abandoned = () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { rates, tokens: 1_200 }));
    const before = full(t);
    t.env.now = NOON + GRACE_MS;
    sweep(t.sql, t.env);
    return { t, before };
  };

  it("stay drawn while nobody knows what became of it, so that an abandoned call gives back nothing that a provider may have used", () => {
    const { t, before } = abandoned();
    expect([t.kinds().at(-1), full(t)]).toEqual(["task.abandoned", before]);
  });

  it("are replaced by what was used once its late settlement comes, more or less, and only once", () => {
    for (const quantity of [200, 5_000]) {
      const { t, before = 0 } = abandoned();
      t.settle(settleRequest(taskId(1), { usage: [{ meter: "tokens_in", quantity }] }));
      expect(full(t)).toBe(before + (quantity - 1_200) * 100);
      t.settle(settleRequest(taskId(1), { usage: [{ meter: "tokens_in", quantity }] }));
      expect(full(t)).toBe(before + (quantity - 1_200) * 100);
    }
  });
});
