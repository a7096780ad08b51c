import { describe, expect, it } from "vitest";
import type { NanoUsd } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { NANO_USD_MAX, nanoUsd } from "../../../shared/contracts/money.ts";
import type { SettleRequest } from "../../../shared/contracts/ports/tenant-store.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import { access, admitRequest, bucket, budget, settleRequest, taskId } from "../../../test/support/tenant-fixtures.ts";
import { nextDue, settle, sweep, task, usage } from "../core.ts";

const span = (t: ReturnType<typeof openTenant>) =>
  t.sql.get("SELECT spent_nusd AS spent, held_nusd AS held FROM budget_span");
const query = { from: "2026-11-01", to: "2026-12-01", group_by: [], workspace: null, limit: 10, offset: 0 };

describe("settle", () => {
  it("replaces the hold by the cost, in one entry that names its opening, so nothing stays reserved", () => {
    const t = openTenant({ budgets: [budget()] });
    t.admit(admitRequest(taskId(1), NOON));
    expect(span(t)).toEqual({ spent: 0, held: 2_000_000 });
    const settled = t.settle(settleRequest(taskId(1)));
    expect(settled).toEqual({ ok: true, value: { ledger_seq: 4, corrected: false } });
    expect(span(t)).toEqual({ spent: 1_450_000, held: 0 });
    expect(t.entries()[4]).toMatchObject({
      kind: "task.closed",
      outcome: "success",
      detail: { opened: 3, cost_nusd: 1_450_000, status: "OK" },
    });
    expectInvariants(t);
  });

  it("charges once however often it is sent, so a retried settlement bills nobody twice", () => {
    const t = openTenant({ budgets: [budget()] });
    t.admit(admitRequest(taskId(1), NOON));
    t.settle(settleRequest(taskId(1)));
    expect(t.settle(settleRequest(taskId(1)))).toEqual({ ok: false, error: { reason: "already_settled" } });
    expect(t.settle(settleRequest(taskId(2)))).toEqual({ ok: false, error: { reason: "unknown_task" } });
    expect(span(t)).toEqual({ spent: 1_450_000, held: 0 });
    expectInvariants(t);
  });

  it("debits an overrun and blocks the next call, so a cap that was passed stays closed", () => {
    const t = openTenant({ budgets: [budget({ limit_nusd: nanoUsd(2_000_000) })] });
    t.admit(admitRequest(taskId(1), NOON));
    t.settle(settleRequest(taskId(1), { cost_nusd: nanoUsd(2_500_000) }));
    expect(span(t)).toEqual({ spent: 2_500_000, held: 0 });
    expect(t.admit(admitRequest(taskId(2), NOON, { hold_nusd: nanoUsd(0) }))).toMatchObject({
      error: { reason: "budget_exhausted" },
    });
  });

  it("charges the period in which the call was admitted, so a call over midnight is not free", () => {
    const t = openTenant({ budgets: [budget()] });
    const [evening, morning] = [Date.UTC(2026, 10, 21, 23, 59, 59), Date.UTC(2026, 10, 22, 0, 0, 1)];
    t.env.now = evening;
    t.admit(admitRequest(taskId(1), evening));
    t.env.now = morning;
    expect(t.admit(admitRequest(taskId(2), morning)).ok).toBe(true);
    t.settle(settleRequest(taskId(1)));
    expect(t.sql.all("SELECT spent_nusd AS spent, held_nusd AS held FROM budget_span ORDER BY span")).toEqual([
      { spent: 1_450_000, held: 0 },
      { spent: 0, held: 2_000_000 },
    ]);
    expectInvariants(t);
  });

  it("gives unused tokens back and takes an overrun, so reservations by bound do not starve callers", () => {
    const rates = [bucket({ unit: "tokens", limit: 6_000, burst: 6_000 })];
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { rates, tokens: 5_000 }));
    expect(t.admit(admitRequest(taskId(2), NOON, { rates, tokens: 5_000 }))).toMatchObject({
      error: { reason: "rate_limited", state: { unit: "tokens", remaining: 1_000 } },
    });
    t.settle(settleRequest(taskId(1)));
    expect(t.admit(admitRequest(taskId(3), NOON, { rates, tokens: 5_000 }))).toMatchObject({
      value: { rates: [{ remaining: 710 }] },
    });
    t.settle(settleRequest(taskId(3), { usage: [{ meter: "tokens_out", quantity: 7_000 }] }));
    expect(t.admit(admitRequest(taskId(4), NOON, { rates, tokens: 1 }))).toMatchObject({
      error: { reason: "rate_limited", state: { remaining: 0 } },
    });
  });

  it("stores an engine's error as its code alone, so no content enters the ledger through a message", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON));
    const error = { code: "rejected: 'my canary prompt'", message: "my canary prompt" };
    t.settle(settleRequest(taskId(1), { status: "ERROR", error }));
    expect(JSON.stringify(t.entries())).not.toContain("canary");
    expect(task(t.sql, t.env, access(), taskId(1))).toMatchObject({
      ok: true,
      value: { status: "ERROR", error: { code: "error", message: "The task failed" } },
    });
  });

  it("answers sums that agree with the ledger by every grouping, so the bill can be checked", () => {
    const t = openTenant();
    for (let n = 0; n < 6; n++) {
      t.env.now = NOON + (n % 2) * 86_400_000;
      t.admit(admitRequest(taskId(n), t.env.now, { model: n % 3 === 0 ? "chat-large" : "chat-small" }));
      t.settle(settleRequest(taskId(n)));
    }
    const rows = usage(t.sql, t.env, access(), { ...query, group_by: ["day", "model"] });
    expect(rows.ok && rows.value.map(({ day, model, requests }) => [day, model, requests])).toEqual([
      ["2026-11-21", "chat-large", 1],
      ["2026-11-21", "chat-small", 2],
      ["2026-11-22", "chat-large", 1],
      ["2026-11-22", "chat-small", 2],
    ]);
    expect(usage(t.sql, t.env, access(), query)).toMatchObject({
      value: [{ requests: 6, cost_nusd: 6 * 1_450_000, tokens_in: 1_260, tokens_out: 480, day: null }],
    });
    expect(usage(t.sql, t.env, access(), { ...query, from: "2027-01-01", to: "2027-02-01" })).toEqual({
      ok: true,
      value: [],
    });
    expectInvariants(t);
  });

  it("refuses what no edge may send, and charges nothing of it, so that no bug there pays money out or counts backwards", () => {
    const t = openTenant({ budgets: [budget()] });
    t.admit(admitRequest(taskId(1), NOON));
    const costs = [-1, 0.5, Number.NaN, NANO_USD_MAX + 1];
    const quantities = [-1, 0.5, 2 ** 53];
    for (const members of [
      ...costs.map((cost_nusd) => ({ cost_nusd: cost_nusd as NanoUsd })), // safe because: it is to be refused
      ...quantities.map((quantity) => ({ usage: [{ meter: "tokens_in" as const, quantity }] })),
      { schema_version: 2 as 1 }, // safe because: it is to be refused
    ])
      expect(() => t.settle(settleRequest(taskId(1), members)), JSON.stringify(members)).toThrow(RangeError);
    const many = Array.from({ length: LIMITS.admitArrayMax + 1 }, () => settleRequest(taskId(1)));
    expect(() => settle(t.sql, t.env, many)).toThrow(RangeError);
    expect(span(t)).toEqual({ spent: 0, held: 2_000_000 });
    expect(settle(t.sql, t.env, many.slice(1)).map(({ ok }) => ok)).toEqual([true, ...many.slice(2).map(() => false)]);
  });

  it("takes every bound itself: nothing, and all there is", () => {
    for (const cost_nusd of [0, NANO_USD_MAX]) {
      const t = openTenant({ budgets: [budget()] });
      t.admit(admitRequest(taskId(1), NOON));
      const usage = [{ meter: "tokens_in" as const, quantity: 0 }];
      t.settle(settleRequest(taskId(1), { cost_nusd: nanoUsd(cost_nusd), usage }));
      expect(span(t)).toEqual({ spent: cost_nusd, held: 0 });
    }
  });

  it("counts what was read, written and taken from a cache against the token buckets, so that no kind of token is free", () => {
    const rates = [bucket({ unit: "tokens", limit: 6_000, burst: 6_000 })];
    for (const meter of ["tokens_in", "tokens_out", "tokens_cached"] as const) {
      const t = openTenant();
      t.admit(admitRequest(taskId(1), NOON, { rates, tokens: 1_000 }));
      t.settle(settleRequest(taskId(1), { usage: [{ meter, quantity: 3_000 }] }));
      expect(t.admit(admitRequest(taskId(2), NOON, { rates, tokens: 1_000 }))).toMatchObject({
        value: { rates: [{ remaining: 2_000 }] },
      });
    }
  });

  it("frees the key of a call that never ran, and of no other, so that a retry neither runs twice nor is lost", () => {
    const idempotency = { key_hash: "1".repeat(32), fingerprint: "2".repeat(32) };
    const again = (result: SettleRequest["result"]) => {
      const t = openTenant();
      t.admit(admitRequest(taskId(1), NOON, { idempotency }));
      t.settle(settleRequest(taskId(1), { result }));
      const outcome = t.admit(admitRequest(taskId(2), NOON, { idempotency }));
      return outcome.ok ? outcome.value.kind : outcome.error.reason;
    };
    expect(again("not_run")).toBe("admitted");
    expect([again("stored"), again("none"), again("too_large")]).toEqual([
      "replay",
      "result_expired",
      "result_expired",
    ]);
  });

  it("settles what runs when the tenant is suspended meanwhile, so no charge is lost to a suspension", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON));
    t.sql.run("UPDATE tenant SET suspended = 1, locked = 1, state_version = 2");
    expect(t.settle(settleRequest(taskId(1))).ok).toBe(true);
  });
});

describe("abandonment", () => {
  const abandoned = () => {
    const t = openTenant({ budgets: [budget()] });
    const idempotency = { key_hash: "1".repeat(32), fingerprint: "2".repeat(32) };
    t.admit(admitRequest(taskId(1), NOON, { idempotency }));
    t.env.now = NOON + 60_000 + 30_000;
    return { t, idempotency };
  };

  it("charges the hold at deadline and grace, marked estimated, so a lost settlement is not a free call", () => {
    const { t } = abandoned();
    expect(nextDue(t.sql, false)).toBe(t.env.now);
    t.env.now--;
    sweep(t.sql, t.env);
    expect(span(t)).toEqual({ spent: 0, held: 2_000_000 });
    t.env.now++;
    sweep(t.sql, t.env);
    sweep(t.sql, t.env);
    expect(span(t)).toEqual({ spent: 2_000_000, held: 0 });
    expect(t.entries().at(-1)).toMatchObject({
      kind: "task.abandoned",
      outcome: "failure",
      subject: "service:demo",
      detail: {
        ...{ call: { grace_ms: LIMITS.abandonGraceMs }, cost_nusd: 2_000_000, error: "outcome_unknown" },
        ...{ estimated: true, result: "none", route: null, status: "ERROR", usage: [] },
      },
    });
    expect(t.kinds().filter((kind) => kind === "task.abandoned").length).toBe(1);
    expect(task(t.sql, t.env, access(), taskId(1))).toMatchObject({
      value: {
        status: "ERROR",
        phase: "done",
        estimated: true,
        cost_nusd: 2_000_000,
        error: { code: "outcome_unknown" },
      },
    });
    expectInvariants(t);
  });

  it("accepts one late settlement as a correction on the day that was charged, so the estimate never stands wrongly", () => {
    const { t } = abandoned();
    sweep(t.sql, t.env);
    t.env.now += 86_400_000;
    expect(t.settle(settleRequest(taskId(1)))).toMatchObject({ ok: true, value: { corrected: true } });
    expect(t.settle(settleRequest(taskId(1)))).toEqual({ ok: false, error: { reason: "already_settled" } });
    expect(span(t)).toEqual({ spent: 1_450_000, held: 0 });
    const days = usage(t.sql, t.env, access(), { ...query, group_by: ["day"] });
    expect(days).toMatchObject({ value: [{ day: "2026-11-21", requests: 1, cost_nusd: 1_450_000, tokens_in: 210 }] });
    expect(task(t.sql, t.env, access(), taskId(1))).toMatchObject({ value: { status: "OK", estimated: false } });
    expectInvariants(t);
  });

  it("never runs the key again, late settlement or not, so a try of unknown outcome is not repeated blindly", () => {
    const { t, idempotency } = abandoned();
    sweep(t.sql, t.env);
    const again = (n: number) => t.admit(admitRequest(taskId(n), t.env.now, { idempotency }));
    expect(again(2)).toEqual({ ok: false, error: { reason: "outcome_unknown", task: taskId(1) } });
    t.settle(settleRequest(taskId(1), { result: "stored" }));
    expect(again(3)).toEqual({ ok: false, error: { reason: "outcome_unknown", task: taskId(1) } });
  });

  it("closes a backlog over several sweeps, so an alarm never runs for seconds", () => {
    const t = openTenant();
    for (let n = 0; n < 100; n++) t.admit(admitRequest(taskId(n), NOON));
    t.env.now += 90_000;
    expect([sweep(t.sql, t.env), sweep(t.sql, t.env)]).toEqual([true, false]);
    expect(t.sql.get("SELECT count(*) AS n FROM task WHERE state = 0")?.n).toBe(0);
    expectInvariants(t);
  });
});
