import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { nextTimer } from "../runtime/timers.ts";
import { sweep, sweepDue } from "./core.ts";
import { due, FIRST, GIVEN_UP, HEAD, JOB, LIFE_MS, open } from "./detached.fixture.ts";
import * as core from "./detached.ts";
import { closeLog, openLog, readLog } from "./log.ts";
import { dueWork } from "./run.ts";

const fenced = { ok: false, error: { reason: "fenced" } };

describe("a detached task", () => {
  it("is sent to the queue at once, and again only when nobody took it for minutes", () => {
    const { sql, env, lease } = open();
    expect(nextTimer(sql)).toBe(env.now);
    expect(due(sql, env).job).toEqual(JOB);
    core.jobSent(sql, env, due(sql, env).fence);
    expect(core.dueJob(sql, env)).toBeNull();
    env.now += LIMITS.jobResendMs;
    expect(due(sql, env).job).toEqual(JOB);
    lease();
    expect(core.dueJob(sql, env)).toBeNull();
  });

  it("of a process that died waits for its worker longer than a worker waits at most, so that no answer is cut that could go on", () => {
    const { sql, env, frame } = open();
    const taken = core.leaseTask(sql, env, { ...FIRST, holder: "one" }, "one");
    if (!taken.ok) throw new Error(taken.error.reason);
    openLog(sql, taken.value.fence, HEAD);
    frame(taken.value.fence, 1);
    expect(core.loseFormer(sql, env, "one")).toBe(false);
    expect(core.loseFormer(sql, env, "two")).toBe(true);
    expect(LIMITS.workerRejoinMs).toBeGreaterThan(LIMITS.workerReconnectMsMax + LIMITS.workerTokenMsMax);
    expect(nextTimer(sql)).toBe(env.now + LIMITS.workerRejoinMs);
    expect(core.leaseTask(sql, env, { ...FIRST, held: true, holder: "two" }, "two")).toMatchObject({
      ok: true,
      value: { frames: 1, attempts: 1 },
    });
  });

  it("without a job is carried out from here", () => {
    const { sql, env } = open({ job: null });
    expect(core.dueJob(sql, env)).toBeNull();
    expect(dueWork(sql, env).carry).toBe(true);
  });

  it("is kept as it was first said, so that a repeated call changes nothing", () => {
    const { sql, env, task } = open();
    core.detach(sql, env, { ...task, sealed: new Uint8Array([9]) });
    expect(core.detachedCall(sql)).toEqual({ ok: true, value: new Uint8Array([1, 2, 3]) });
  });

  it("has one holder at a time, and the next one shuts the first out of everything", () => {
    const { sql, env, lease, frame } = open();
    const first = lease();
    expect(core.leaseTask(sql, env, FIRST)).toEqual({
      ok: false,
      error: { reason: "leased", retry_after_ms: LIFE_MS },
    });
    env.now += LIFE_MS;
    sweep(sql, env);
    const second = lease();
    expect(second).toMatchObject({ fence: first.fence + 1, attempts: 2, frames: 0 });
    expect(openLog(sql, first.fence, HEAD)).toEqual(fenced);
    expect(frame(first.fence, 1)).toEqual(fenced);
    expect(core.renewTask(sql, env, first.fence, LIFE_MS)).toEqual(fenced);
    expect(core.releaseTask(sql, env, first.fence, GIVEN_UP)).toEqual(fenced);
    expect(closeLog(sql, env, first.fence, "complete")).toEqual(fenced);
    expect(openLog(sql, second.fence, HEAD).ok).toBe(true);
    expect(frame(second.fence, 1)).toEqual({ ok: true, value: { cancel: false } });
  });

  it("whose lease is over is sent for again at once", () => {
    const { sql, env, lease } = open();
    core.jobSent(sql, env, due(sql, env).fence);
    lease();
    env.now += LIFE_MS;
    expect(sweepDue(sql)).toBe(env.now);
    sweep(sql, env);
    expect(due(sql, env).job).toEqual(JOB);
  });

  it("that was begun too often is ended by hand in place of being given to a further worker", () => {
    const { sql, env, lease } = open();
    for (let attempt = 1; attempt < LIMITS.detachedAttemptsMax; attempt++)
      core.releaseTask(sql, env, lease().fence, GIVEN_UP);
    expect(dueWork(sql, env).carry).toBe(false);
    core.releaseTask(sql, env, lease().fence, GIVEN_UP);
    expect(dueWork(sql, env).carry).toBe(true);
  });

  it("is no attempt older by a run that did nothing, or that goes on with what a worker has", () => {
    const { sql, env, lease } = open();
    for (let times = 0; times < 10; times++) {
      const { attempts, fence } = lease();
      expect(attempts).toBe(1);
      core.releaseTask(sql, env, fence, { retry_ms: 0, attempted: false });
    }
    core.releaseTask(sql, env, lease().fence, GIVEN_UP);
    expect(core.leaseTask(sql, env, { ...FIRST, held: true })).toMatchObject({ ok: true, value: { attempts: 1 } });
  });

  it("of which something was delivered waits for the worker that has it before others are sent for", () => {
    const { sql, env, lease, frame } = open();
    core.jobSent(sql, env, due(sql, env).fence);
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    core.releaseTask(sql, env, fence, GIVEN_UP);
    expect(core.dueJob(sql, env)).toBeNull();
    expect(dueWork(sql, env).carry).toBe(false);
    env.now += LIMITS.workerReturnMs;
    expect(due(sql, env).job).toEqual(JOB);
    // No other worker may ever come: then it is ended by hand, long before its deadline.
    expect(dueWork(sql, env).carry).toBe(true);
  });

  it("that nobody took by its deadline is ended by hand", () => {
    const { sql, env, task } = open();
    core.jobSent(sql, env, due(sql, env).fence);
    expect(dueWork(sql, env).carry).toBe(false);
    env.now = task.deadline;
    expect(dueWork(sql, env).carry).toBe(true);
  });

  it("that is cancelled in the queue is ended by hand, one that runs tells whoever has it", () => {
    const waiting = open();
    expect(core.cancelTask(waiting.sql, waiting.env)).toMatchObject({
      ok: true,
      value: { phase: "queued", cancel: true },
    });
    expect(dueWork(waiting.sql, waiting.env).carry).toBe(true);
    const running = open();
    const { fence } = running.lease();
    core.cancelTask(running.sql, running.env);
    expect(dueWork(running.sql, running.env).carry).toBe(false);
    expect(core.renewTask(running.sql, running.env, fence, LIFE_MS)).toEqual({ ok: true, value: { cancel: true } });
    openLog(running.sql, fence, HEAD);
    expect(running.frame(fence, 1)).toEqual({ ok: true, value: { cancel: true } });
  });

  it("that has ended cannot be leased or cancelled, keeps its log for its readers and not its call", () => {
    const { sql, env, lease, frame } = open({ callback: new Uint8Array([9]) });
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    expect(closeLog(sql, env, fence, "complete")).toEqual({ ok: true, value: null });
    expect(closeLog(sql, env, fence, "complete")).toEqual({ ok: true, value: null });
    expect(core.leaseTask(sql, env, FIRST)).toEqual({ ok: false, error: { reason: "finished" } });
    expect(core.cancelTask(sql, env)).toMatchObject({
      ok: true,
      value: { phase: "done", cancel: false, end: "complete" },
    });
    expect(core.detachedCall(sql)).toEqual({ ok: false, error: { reason: "expired" } });
    expect(readLog(sql, env, 0)).toMatchObject({ ok: true, value: { frames: 1, end: "complete" } });
    expect(dueWork(sql, env)).toMatchObject({ callback: true, carry: false });
  });

  it("is forgotten when its time is over, and that it was is known for a month", () => {
    const { sql, env, task, lease, frame } = open();
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    closeLog(sql, env, fence, "complete");
    env.now = task.expires_ms;
    expect(readLog(sql, env, 0)).toEqual({ ok: false, error: { reason: "expired" } });
    sweep(sql, env);
    expect(sql.all("SELECT 1 FROM log_part")).toEqual([]);
    expect(core.leaseTask(sql, env, FIRST)).toEqual({ ok: false, error: { reason: "finished" } });
    expect(nextTimer(sql)).toBe(1_000_000 + LIMITS.taskRowMsMax);
  });

  it("can be forgotten early by its caller, not while it runs", () => {
    const { sql, env, lease } = open();
    const { fence } = lease();
    expect(core.forgetTask(sql, env)).toEqual({ ok: false, error: { reason: "running" } });
    openLog(sql, fence, HEAD);
    closeLog(sql, env, fence, "failed");
    expect(core.forgetTask(sql, env)).toEqual({ ok: true, value: null });
    expect(readLog(sql, env, 0)).toEqual({ ok: false, error: { reason: "expired" } });
  });
});

describe("a log", () => {
  it("takes another head until something was delivered, and none afterwards: a caller never sees two answers", () => {
    const { sql, lease, frame } = open();
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    expect(openLog(sql, fence, { ...HEAD, status: 503 }).ok).toBe(true);
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    expect(openLog(sql, fence, HEAD).ok).toBe(true);
    expect(openLog(sql, fence, { ...HEAD, status: 503 })).toEqual(fenced);
  });

  it("takes the next frame only: nothing is written twice, and a gap is a defect", () => {
    const { sql, env, lease, frame } = open();
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    frame(fence, 1);
    expect(() => frame(fence, 3)).toThrow(RangeError);
    frame(fence, 2);
    const page = readLog(sql, env, 1);
    expect(page).toMatchObject({ ok: true, value: { frames: 2, parts: [{ from: 2, frames: 1 }] } });
  });
});
