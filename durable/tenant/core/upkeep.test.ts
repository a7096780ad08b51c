import { describe, expect, it } from "vitest";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  at,
  attribution,
  bucket,
  budget,
  budgetId,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { nextDue, record, sweep, task } from "../core.ts";
import { upkeep } from "./upkeep.ts";

const HOUR = 3_600_000;
const keyed = (n: number, nowMs: number) =>
  admitRequest(taskId(n), nowMs, {
    idempotency: { key_hash: n.toString(16).padStart(32, "0"), fingerprint: "a".repeat(32) },
  });
/** Sweeps until nothing is left, as hosts do. */
function sweepAll(t: ReturnType<typeof openTenant>): number {
  let times = 1;
  while (sweep(t.sql, t.env)) times++;
  return times;
}
const count = (t: ReturnType<typeof openTenant>, of: string) => t.sql.get(`SELECT count(*) AS n FROM ${of}`)?.n;

describe("upkeep", () => {
  it("keeps a key in at most 96 bytes, so 72 hours of keyed calls fit an object", () => {
    const bytes = (withKeys: boolean) => {
      const t = openTenant();
      for (let n = 0; n < 4_000; n++)
        t.admit(withKeys ? keyed(n * 7_919, NOON) : admitRequest(taskId(n * 7_919), NOON));
      const one = t.sql.get<{ n: number }>("SELECT sum(pgsize) AS n FROM dbstat WHERE name IN ('task', 'task_by_key')");
      return one?.n ?? 0;
    };
    expect((bytes(true) - bytes(false)) / 4_000).toBeLessThan(96);
  });

  it("forgets keys after 72 h and tasks after 30 days, in bounded steps, and no open task ever", () => {
    const t = openTenant({ budgets: [budget({ limit_nusd: nanoUsd(1e12) })] });
    for (let n = 0; n < 2_500; n++) {
      t.admit(keyed(n, NOON));
      t.settle(settleRequest(taskId(n)));
    }
    t.env.now = NOON + 72 * HOUR - 1;
    sweepAll(t);
    expect(count(t, "task WHERE key_hash IS NOT NULL")).toBe(2_500);
    t.env.now = NOON + 74 * HOUR;
    expect(sweepAll(t)).toBe(3);
    expect(count(t, "task WHERE key_hash IS NOT NULL")).toBe(0);
    expect(task(t.sql, t.env, access(), taskId(1)).ok).toBe(true);
    t.env.now = NOON + 30 * 24 * HOUR + HOUR;
    t.admit(keyed(9_999, t.env.now));
    sweepAll(t);
    expect([count(t, "task"), count(t, "task WHERE state = 0"), count(t, "hold")]).toEqual([1, 1, 1]);
    expect(task(t.sql, t.env, access(), taskId(1))).toEqual({ ok: false, error: { reason: "not_found" } });
    expectInvariants(t);
  });

  it("forgets the old beside the young: an open task, young keys and what a late settlement corrects stay as they are", () => {
    const t = openTenant({ budgets: [budget()] });
    const month = 30 * 24 * HOUR;
    const endOf = (n: number) => {
      const seen = task(t.sql, t.env, access(), taskId(n));
      return seen.ok ? seen.value.status : seen.error.reason;
    };
    t.admit({ ...keyed(1, NOON), deadline: at(NOON + month) });
    t.admit(keyed(2, NOON));
    t.settle(settleRequest(taskId(2)));
    t.env.now = NOON + month - HOUR;
    t.admit(keyed(3, t.env.now));
    t.settle(settleRequest(taskId(3), { result: "stored" }));
    t.admit(keyed(4, t.env.now));
    t.env.now = NOON + month;
    sweepAll(t);
    expect([1, 2, 3, 4].map(endOf)).toEqual([null, "not_found", "OK", "ERROR"]);
    expect(t.sql.all("SELECT task FROM hold ORDER BY task")).toHaveLength(2);
    const again = { ...keyed(3, t.env.now), task: taskId(9) };
    expect(t.admit(again)).toMatchObject({ value: { kind: "replay", task: taskId(3) } });
    const { idempotency } = keyed(4, 0);
    expect(t.admit(admitRequest(taskId(8), t.env.now, { idempotency }))).toMatchObject({
      error: { reason: "outcome_unknown", task: taskId(4) },
    });
    expect(t.settle(settleRequest(taskId(4)))).toMatchObject({ value: { corrected: true } });
    expect(t.settle(settleRequest(taskId(1))).ok).toBe(true);
    expect(t.sql.all("SELECT spent_nusd AS spent, held_nusd AS held FROM budget_span ORDER BY span")).toEqual([
      { spent: 2 * 1_450_000, held: 0 },
      { spent: 2 * 1_450_000, held: 0 },
    ]);
  });

  it("forgets full buckets, old dedupes and periods that are over, so nothing grows with time alone", () => {
    const t = openTenant({ budgets: [budget()] });
    t.admit(admitRequest(taskId(1), NOON, { rates: [bucket()] }));
    t.settle(settleRequest(taskId(1)));
    record(t.sql, t.env, { kind: "data.read", action: "a:b", by: attribution(), detail: {}, dedupe: "d" });
    expect([count(t, "bucket"), count(t, "recorded"), count(t, "budget_span")]).toEqual([1, 1, 1]);
    t.env.now = NOON + 40 * 24 * HOUR;
    sweepAll(t);
    expect([count(t, "bucket"), count(t, "recorded"), count(t, "budget_span")]).toEqual([0, 0, 0]);
  });

  it("keeps a period for as long as a late settlement may still charge it, what is held for ever, and a budget without periods too", () => {
    const spans = (held: boolean, atMs: number) => {
      const t = openTenant({
        budgets: (["day", "month", "total"] as const).map((period, n) => budget({ id: budgetId(n), period })),
      });
      t.admit(admitRequest(taskId(1), NOON));
      if (!held) t.settle(settleRequest(taskId(1)));
      t.env.now = atMs;
      while (upkeep(t.sql, atMs));
      return t.sql
        .all<{ budget: string }>("SELECT budget FROM budget_span ORDER BY budget")
        .map(({ budget: id }) => ["day", "month", "total"][[0, 1, 2].findIndex((n) => budgetId(n) === id)]);
    };
    const day = 24 * HOUR;
    expect(spans(false, NOON + 31 * day)).toEqual(["day", "month", "total"]);
    expect(spans(false, NOON + 32 * day)).toEqual(["month", "total"]);
    expect(spans(false, Date.UTC(2027, 0, 31, 23))).toEqual(["month", "total"]);
    expect(spans(false, Date.UTC(2027, 1, 1, 1))).toEqual(["total"]);
    expect(spans(true, Date.UTC(2028, 1, 1))).toEqual(["day", "month", "total"]);
  });

  it("forgets decided approvals after 30 days and none that waits, so that no request is lost without its end", () => {
    const t = openTenant();
    const expiresMs = NOON + HOUR;
    for (const [n, state] of ["pending", "approved", "rejected", "expired", "done"].entries())
      t.sql.run(
        `INSERT INTO approval (id, seq, task, state, subject, digest, key_hash, created_ms, expires_ms, body)
         VALUES (?, 0, ?, ?, 's', 'd', NULL, ?, ?, '{}')`,
        `apr_${n}`,
        taskId(n),
        state,
        NOON,
        expiresMs,
      );
    const left = (atMs: number) => {
      while (upkeep(t.sql, atMs));
      return t.sql.all<{ state: string }>("SELECT state FROM approval ORDER BY id").map(({ state }) => state);
    };
    expect(left(expiresMs + 30 * 24 * HOUR - 1)).toHaveLength(5);
    expect(left(expiresMs + 31 * 24 * HOUR)).toEqual(["pending"]);
  });

  it("ends what an abandoned task still held for its late settlement together with the task, and not before", () => {
    const t = openTenant({ budgets: [budget()] });
    t.admit(admitRequest(taskId(1), NOON));
    t.env.now = NOON + HOUR;
    sweepAll(t);
    const kept = () => [count(t, "task"), count(t, "hold")];
    expect(kept()).toEqual([1, 1]);
    t.env.now = NOON + 30 * 24 * HOUR - 1;
    sweepAll(t);
    expect(kept()).toEqual([1, 1]);
    t.env.now = NOON + 30 * 24 * HOUR + HOUR;
    sweepAll(t);
    expect(kept()).toEqual([0, 0]);
  });

  it("does nothing before its hour, and says that nothing is left, so that no alarm runs in circles", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { rates: [bucket({ per_ms: 1 })] }));
    expect([upkeep(t.sql, NOON + HOUR - 1), count(t, "bucket")]).toEqual([false, 1]);
    expect([upkeep(t.sql, NOON + HOUR), count(t, "bucket")]).toEqual([false, 0]);
  });

  it("keeps what was recorded once for as long as a retry may tell of it again", () => {
    const t = openTenant();
    record(t.sql, t.env, { kind: "data.read", action: "a:b", by: attribution(), detail: {}, dedupe: "d" });
    t.env.now = NOON + 72 * HOUR - 1;
    sweepAll(t);
    expect(count(t, "recorded")).toBe(1);
  });

  it("is due once an hour, so an idle tenant sleeps", () => {
    const t = openTenant();
    expect(nextDue(t.sql, false)).toBe(NOON + HOUR);
    t.env.now = NOON + HOUR;
    sweepAll(t);
    expect(nextDue(t.sql, false)).toBe(NOON + 2 * HOUR);
  });
});
