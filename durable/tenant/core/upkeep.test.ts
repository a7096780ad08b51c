import { describe, expect, it } from "vitest";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import { expectInvariants, NOON, openTenant } from "../../../test/support/tenant-core.ts";
import {
  access,
  admitRequest,
  attribution,
  bucket,
  budget,
  settleRequest,
  taskId,
} from "../../../test/support/tenant-fixtures.ts";
import { nextDue, record, sweep, task } from "../core.ts";

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

  it("is due once an hour, so an idle tenant sleeps", () => {
    const t = openTenant();
    expect(nextDue(t.sql, false)).toBe(NOON + HOUR);
    t.env.now = NOON + HOUR;
    sweepAll(t);
    expect(nextDue(t.sql, false)).toBe(NOON + 2 * HOUR);
  });
});
