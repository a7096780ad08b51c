import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { TaskPayload } from "../../shared/contracts/ports/task-store.ts";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import type { CoreEnv } from "../runtime/sql.ts";
import { nextTimer } from "../runtime/timers.ts";
import { sweep, sweepDue } from "./core.ts";
import { TASK_MIGRATIONS } from "./migrations.ts";
import { dueWork, endRun, leaseRun, notified, putPayload, readPayload, startRun } from "./run.ts";

const LIFE_MS = 60_000;
const LEASE_MS = 10_000;

function openTask(payload: Partial<TaskPayload> = {}) {
  const sql = openMemorySql();
  const env: CoreEnv = { now: 1_000_000, mint: () => "0".repeat(26) };
  migrate(sql, TASK_MIGRATIONS);
  const made: TaskPayload = {
    digest: "d1",
    sealed: new Uint8Array([1, 2, 3]),
    expires_ms: (env.now + LIFE_MS) as UnixMs, // safe because: milliseconds
    notify: false,
    ...payload,
  };
  putPayload(sql, env, made);
  return { sql, env, made };
}

describe("a payload", () => {
  it("is kept once for each digest, so an edit never replaces what others have seen", () => {
    const { sql, env, made } = openTask();
    putPayload(sql, env, { ...made, sealed: new Uint8Array([9]) });
    putPayload(sql, env, { ...made, digest: "d2", sealed: new Uint8Array([7]) });
    expect(readPayload(sql, "d1")).toEqual({ ok: true, value: new Uint8Array([1, 2, 3]) });
    expect(readPayload(sql, "d2")).toEqual({ ok: true, value: new Uint8Array([7]) });
    expect(readPayload(sql, "d3")).toEqual({ ok: false, error: { reason: "not_found" } });
  });

  it("is forgotten when its life and the time to run are over, and nothing can start then", () => {
    const { sql, env } = openTask();
    env.now += LIFE_MS + LIMITS.approvalRunMsMax;
    sweep(sql, env);
    expect(readPayload(sql, "d1")).toEqual({ ok: false, error: { reason: "expired" } });
    startRun(sql, env);
    expect(leaseRun(sql, env, LEASE_MS)).toEqual({ ok: false, error: { reason: "finished" } });
  });

  it("is forgotten with the end of its run", () => {
    const { sql, env } = openTask();
    startRun(sql, env);
    leaseRun(sql, env, LEASE_MS);
    expect(endRun(sql, env, 1, { done: true })).toEqual({ ok: true, value: null });
    expect(readPayload(sql, "d1")).toEqual({ ok: false, error: { reason: "expired" } });
    expect(dueWork(sql, env)).toMatchObject({ run: false, notify: false });
  });
});

describe("a run", () => {
  it("is not due before it is started, and is at once afterwards", () => {
    const { sql, env } = openTask();
    expect(leaseRun(sql, env, LEASE_MS)).toEqual({ ok: false, error: { reason: "not_found" } });
    startRun(sql, env);
    startRun(sql, env);
    expect(nextTimer(sql)).toBe(env.now);
    expect(dueWork(sql, env)).toMatchObject({ run: true, notify: false });
  });

  it("has one runner at a time, and the next one after a lost lease has a higher fence that shuts the first out", () => {
    const { sql, env } = openTask();
    startRun(sql, env);
    expect(leaseRun(sql, env, LEASE_MS)).toEqual({ ok: true, value: { fence: 1, attempts: 1 } });
    env.now += LEASE_MS - 1;
    expect(leaseRun(sql, env, LEASE_MS)).toEqual({ ok: false, error: { reason: "leased", retry_after_ms: 1 } });
    expect(dueWork(sql, env).run).toBe(false);
    env.now += 1;
    expect(dueWork(sql, env).run).toBe(true);
    expect(leaseRun(sql, env, LEASE_MS)).toEqual({ ok: true, value: { fence: 2, attempts: 2 } });
    expect(endRun(sql, env, 1, { done: true })).toEqual({ ok: false, error: { reason: "fenced" } });
    expect(endRun(sql, env, 2, { done: true })).toEqual({ ok: true, value: null });
    expect(leaseRun(sql, env, LEASE_MS)).toEqual({ ok: false, error: { reason: "finished" } });
  });

  it("comes again after the time that its runner asked for", () => {
    const { sql, env } = openTask();
    startRun(sql, env);
    leaseRun(sql, env, LEASE_MS);
    endRun(sql, env, 1, { done: false, retry_ms: 500 });
    expect(dueWork(sql, env).run).toBe(false);
    env.now += 500;
    expect(dueWork(sql, env).run).toBe(true);
    expect(readPayload(sql, "d1").ok).toBe(true);
  });

  it("is not what a host without a runner wakes for, so it does not spin", () => {
    const { sql, env } = openTask({ notify: true });
    startRun(sql, env);
    expect(sweepDue(sql)).toBeGreaterThan(env.now);
    sweep(sql, env);
    expect(dueWork(sql, env)).toMatchObject({ run: true, notify: true });
  });
});

describe("telling that a task waits", () => {
  it("is tried again, slower each time and a bounded number of times, until it is done", () => {
    const { sql, env } = openTask({ notify: true, expires_ms: Number.MAX_SAFE_INTEGER as UnixMs }); // safe because: milliseconds
    const waits: number[] = [];
    while (dueWork(sql, env).notify) {
      const next = sql.get<{ due_ms: number }>("SELECT due_ms FROM _timers WHERE kind = 'notify'")?.due_ms;
      if (next === undefined) break;
      waits.push(next - env.now);
      env.now = next;
    }
    expect(waits).toHaveLength(LIMITS.approvalNotifyTriesMax - 1);
    expect(waits[0]).toBe(LIMITS.approvalNotifyMsMin);
    expect(waits.every((wait, at) => at === 0 || wait === 2 * (waits[at - 1] ?? 0))).toBe(true);
  });

  it("is over once it succeeded", () => {
    const { sql, env } = openTask({ notify: true });
    expect(dueWork(sql, env).notify).toBe(true);
    notified(sql);
    env.now += LIMITS.approvalNotifyMsMin;
    expect(dueWork(sql, env).notify).toBe(false);
  });
});
