import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { LogHead } from "../../shared/contracts/ports/task-log.ts";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import type { CoreEnv } from "../runtime/sql.ts";
import { nextTimer } from "../runtime/timers.ts";
import * as callback from "./callback.ts";
import { sweep } from "./core.ts";
import * as core from "./detached.ts";
import { closeLog, openLog } from "./log.ts";
import { TASK_MIGRATIONS } from "./migrations.ts";
import { dueWork } from "./run.ts";

const HEAD: LogHead = { status: 200, content_type: "application/json", stream: false, headers: {} };
const SEALED = new Uint8Array([4, 5, 6]);

function open() {
  const sql = openMemorySql();
  const env: CoreEnv = { now: 1_000_000, mint: () => "0".repeat(26) };
  migrate(sql, TASK_MIGRATIONS);
  const at = (ms: number) => (env.now + ms) as UnixMs; // safe because: a test's own milliseconds
  const times = { deadline: at(60_000), expires_ms: at(600_000) };
  const task = { sealed: SEALED, job: null, ...times, callback: SEALED, session: null };
  core.detach(sql, env, task);
  const progress = () => callback.callbackProgress(sql);
  const sealed = () => sql.get<{ sealed: Uint8Array }>("SELECT sealed FROM callback")?.sealed.byteLength;
  const finish = () => {
    const leased = core.leaseTask(sql, env, { life_ms: 10_000, held: false });
    if (!leased.ok) throw new Error(leased.error.reason);
    openLog(sql, leased.value.fence, HEAD);
    closeLog(sql, env, leased.value.fence, "complete");
  };
  return { sql, env, task, progress, sealed, finish };
}
const waiting = { state: "waiting", retry_ms: 5_000, last_status: 500, reason: "status" } as const;
const over = { ok: false, error: { reason: "over" } };

describe("the callback of a task", () => {
  it("is due once the task has ended and not before, however it was taken up", () => {
    const { sql, env, finish } = open();
    expect(dueWork(sql, env).callback).toBe(false);
    finish();
    expect(dueWork(sql, env).callback).toBe(true);
  });

  it("is tried again when a try was lost, and by nobody else meanwhile", () => {
    const { sql, env, finish } = open();
    finish();
    expect(dueWork(sql, env).callback).toBe(true);
    expect(dueWork(sql, env).callback).toBe(false);
    env.now += LIMITS.callbackTryMsMax;
    expect(dueWork(sql, env).callback).toBe(true);
  });

  it("is counted before it is tried, so that a receiver that kills us is not asked for ever", () => {
    const { sql, progress, finish } = open();
    finish();
    expect(callback.beginCallback(sql)).toEqual({ ok: true, value: { attempt: 1 } });
    expect(callback.beginCallback(sql)).toEqual({ ok: true, value: { attempt: 2 } });
    expect(progress()).toEqual({ state: "waiting", attempts: 2, last_status: null, reason: null });
  });

  it("waits as long as it is told after a try that failed", () => {
    const { sql, env, progress, finish } = open();
    finish();
    dueWork(sql, env);
    callback.beginCallback(sql);
    expect(callback.endCallback(sql, env, 1, waiting)).toEqual({ ok: true, value: null });
    expect(progress()).toEqual({ state: "waiting", attempts: 1, last_status: 500, reason: "status" });
    expect(nextTimer(sql)).toBe(env.now + 5_000);
    env.now += 5_000;
    expect(dueWork(sql, env).callback).toBe(true);
  });

  it("ends for good, and its receiver's address with it", () => {
    const { sql, env, task, progress, sealed, finish } = open();
    finish();
    callback.beginCallback(sql);
    callback.endCallback(sql, env, 1, { state: "delivered", last_status: 204, reason: null });
    expect(progress()).toEqual({ state: "delivered", attempts: 1, last_status: 204, reason: null });
    expect(sealed()).toBe(0);
    expect(nextTimer(sql)).toBe(task.expires_ms);
    expect(callback.readCallback(sql)).toEqual(over);
    expect(callback.beginCallback(sql)).toEqual(over);
    expect(callback.endCallback(sql, env, 1, waiting)).toEqual(over);
    expect(progress()?.state).toBe("delivered");
  });

  it("is not put off by the late end of an older try, and is done when that one had delivered", () => {
    const { sql, env, progress, finish } = open();
    finish();
    callback.beginCallback(sql);
    callback.beginCallback(sql);
    callback.endCallback(sql, env, 1, waiting);
    expect(progress()).toMatchObject({ state: "waiting", last_status: null });
    callback.endCallback(sql, env, 1, { state: "delivered", last_status: 200, reason: null });
    expect(progress()).toMatchObject({ state: "delivered", attempts: 2, last_status: 200 });
  });

  it("is given up with its task's log, and says so", () => {
    const { sql, env, task, progress, sealed, finish } = open();
    finish();
    dueWork(sql, env);
    env.now = task.expires_ms;
    sweep(sql, env);
    expect(progress()).toMatchObject({ state: "failed", reason: "expired" });
    expect(sealed()).toBe(0);
    expect(dueWork(sql, env).callback).toBe(false);
  });

  it("is not made for a task that its caller deleted", () => {
    const { sql, env, progress, finish } = open();
    finish();
    core.forgetTask(sql, env);
    expect(progress()).toMatchObject({ state: "stopped", reason: "deleted" });
    expect(dueWork(sql, env).callback).toBe(false);
  });

  it("is nobody's where nobody asked for one", () => {
    const sql = openMemorySql();
    migrate(sql, TASK_MIGRATIONS);
    expect(callback.callbackProgress(sql)).toBeNull();
    expect(callback.readCallback(sql)).toEqual({ ok: false, error: { reason: "not_found" } });
  });
});
