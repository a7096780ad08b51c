import { describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { nextTimer } from "../runtime/timers.ts";
import { sweep } from "./core.ts";
import { due, FIRST, GIVEN_UP, HEAD, JOB, LIFE_MS, open, openEmpty } from "./detached.fixture.ts";
import * as core from "./detached.ts";
import { closeLog, openLog, readLog } from "./log.ts";
import { dueWork } from "./run.ts";

const refused = (reason: string, more: object = {}) => ({ ok: false, error: { reason, ...more } });
const CARRY = { held: true, life_ms: LIFE_MS };

describe("the lease of a task", () => {
  it("lasts as long as it was last prolonged, so that nobody is sent for while a worker is at it", () => {
    const { sql, env, lease } = open();
    const { fence } = lease();
    env.now += LIFE_MS / 2;
    expect(core.renewTask(sql, env, fence, LIFE_MS)).toEqual({ ok: true, value: { cancel: false } });
    env.now += LIFE_MS / 2;
    sweep(sql, env);
    expect(core.dueJob(sql, env)).toBeNull();
    expect(core.leaseTask(sql, env, FIRST)).toEqual(refused("leased", { retry_after_ms: LIFE_MS / 2 }));
    env.now += LIFE_MS / 2;
    sweep(sql, env);
    expect(due(sql, env).job).toEqual(JOB);
    expect(core.leaseTask(sql, env, FIRST)).toMatchObject({ ok: true, value: { attempts: 2 } });
  });

  it("is given of what an edge of an earlier release left, which does not tell what it goes on with, so that objects may be rolled out first", () => {
    const { task } = open();
    const { session: _, ...told } = task;
    const { sql, env } = openEmpty();
    expect(core.detach(sql, env, told)).toMatchObject({ ok: true });
    expect(core.leaseTask(sql, env, FIRST)).toMatchObject({ ok: true, value: { attempts: 1, session: null } });
  });

  it("is written anew from a tenth of its life on, so that a chatty worker costs no write a message", () => {
    const { sql, env, lease } = open();
    const { fence } = lease();
    const [first, tenth] = [env.now + LIFE_MS, LIFE_MS / 10];
    const until = () => core.detachedRow(sql)?.lease_until_ms;
    env.now += tenth - 1;
    core.renewTask(sql, env, fence, LIFE_MS);
    expect(until()).toBe(first);
    env.now += 1;
    core.renewTask(sql, env, fence, LIFE_MS);
    expect(until()).toBe(first + tenth);
    expect(nextTimer(sql)).toBe(first + tenth);
  });

  it("is not lost before its end, whoever says so", () => {
    const { sql, env, lease, frame } = open();
    const { fence } = lease();
    env.now += LIFE_MS - 1;
    core.loseTask(sql, env);
    openLog(sql, fence, HEAD);
    expect(frame(fence, 1).ok).toBe(true);
    closeLog(sql, env, fence, "complete");
    env.now += LIFE_MS;
    core.loseTask(sql, env);
    expect(core.detachedRow(sql)?.phase).toBe("done");
  });

  it("that was given back is nobody's: whoever had it writes no more", () => {
    const { sql, env, lease, frame } = open();
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    core.releaseTask(sql, env, fence, GIVEN_UP);
    expect(frame(fence, 1)).toEqual(refused("fenced"));
    expect(core.renewTask(sql, env, fence, LIFE_MS)).toEqual(refused("fenced"));
    expect(closeLog(sql, env, fence, "complete")).toEqual(refused("fenced"));
  });

  it("that was given back for a while is offered after that while and not before", () => {
    const { sql, env, lease } = open();
    core.releaseTask(sql, env, lease().fence, { retry_ms: 5_000, attempted: true });
    expect(core.dueJob(sql, env)).toBeNull();
    env.now += 5_000;
    expect(due(sql, env).job).toEqual(JOB);
  });

  it("that did nothing takes back its own attempt and no earlier one", () => {
    const { sql, env, lease } = open();
    core.releaseTask(sql, env, lease().fence, GIVEN_UP);
    core.releaseTask(sql, env, lease().fence, { retry_ms: 0, attempted: false });
    expect(lease().attempts).toBe(2);
  });

  it("of a process elsewhere, or of this one, is not taken over before its end", () => {
    for (const [holder, here] of [
      [undefined, "two"],
      ["one", "one"],
      ["one", null],
    ] as const) {
      const { sql, env } = open();
      core.leaseTask(sql, env, { ...FIRST, ...(holder === undefined ? {} : { holder }) }, here);
      expect(core.leaseTask(sql, env, CARRY, here)).toEqual(refused("leased", { retry_after_ms: LIFE_MS }));
      if (here !== null) expect(core.loseFormer(sql, env, here)).toBe(false);
    }
  });

  it("that ended with its process leaves nothing to take over", () => {
    const { sql, env } = open();
    const taken = core.leaseTask(sql, env, { ...FIRST, holder: "one" }, "one");
    if (!taken.ok) throw new Error(taken.error.reason);
    core.releaseTask(sql, env, taken.value.fence, { retry_ms: 60_000, attempted: true });
    const before = nextTimer(sql);
    expect(core.loseFormer(sql, env, "two")).toBe(false);
    expect(nextTimer(sql)).toBe(before);
    expect(core.loseFormer(openEmpty().sql, env, "two")).toBe(false);
  });
});

describe("a task that is carried out from here", () => {
  it("is not begun beside itself", () => {
    const { sql, env, lease } = open({ job: null });
    expect(dueWork(sql, env).carry).toBe(true);
    lease();
    expect(dueWork(sql, env).carry).toBe(false);
  });

  it("waits for no worker after it was lost, whatever was delivered of it", () => {
    const { sql, env, lease, frame } = open({ job: null });
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    env.now += LIFE_MS;
    sweep(sql, env);
    expect(dueWork(sql, env)).toMatchObject({ carry: true, job: null });
  });
});

describe("a job in the queue", () => {
  it("whose acknowledgement comes late is not sent again for a task that was taken up meanwhile", () => {
    const { sql, env, lease } = open();
    const sent = due(sql, env);
    lease();
    core.jobSent(sql, env, sent.fence);
    env.now += LIMITS.jobResendMs;
    expect(core.dueJob(sql, env)).toBeNull();
  });

  it("is sent again at once for a task that was taken and given back before the acknowledgement came", () => {
    const { sql, env, lease } = open();
    const sent = due(sql, env);
    core.releaseTask(sql, env, lease().fence, GIVEN_UP);
    core.jobSent(sql, env, sent.fence);
    const again = due(sql, env);
    expect(again.job).toEqual(JOB);
    core.jobSent(sql, env, again.fence);
    expect(core.dueJob(sql, env)).toBeNull();
  });

  it("is sent for nothing that nobody knows", () => {
    const { sql, env } = openEmpty();
    core.jobSent(sql, env, 0);
    expect([core.dueJob(sql, env), nextTimer(sql)]).toEqual([null, null]);
  });
});

describe("a task whose caller has left", () => {
  it("is ended by hand as soon as its runner is lost, so that nobody begins it again", () => {
    const { sql, env, lease } = open();
    lease();
    core.cancelTask(sql, env);
    env.now += LIFE_MS;
    sweep(sql, env);
    expect(dueWork(sql, env).carry).toBe(true);
  });
});

describe("a task that was begun too often", () => {
  const poisoned = () => {
    const opened = open();
    for (let n = 0; n < LIMITS.detachedAttemptsMax; n++)
      core.releaseTask(opened.sql, opened.env, opened.lease().fence, GIVEN_UP);
    const { fence } = opened.lease();
    openLog(opened.sql, fence, HEAD);
    closeLog(opened.sql, opened.env, fence, "failed");
    return opened;
  };
  const asked = ({ sql, env }: ReturnType<typeof open>, message?: string) =>
    core.leaseTask(sql, env, { ...FIRST, ...(message === undefined ? {} : { message }) });

  it("has one dead letter, the same whoever asks how often, so that none is lost and none comes twice", () => {
    const task = poisoned();
    expect(asked(task, "m1")).toEqual(refused("exhausted"));
    expect(asked(task, "m1")).toEqual(refused("exhausted"));
    expect(asked(task, "m2")).toEqual(refused("finished"));
    expect(asked(task, "m1")).toEqual(refused("exhausted"));
    expect(asked(task)).toEqual(refused("exhausted"));
  });

  it("is one more than may be: the last try that may be made leaves no letter", () => {
    const { sql, env, lease } = open();
    for (let n = 1; n < LIMITS.detachedAttemptsMax; n++) core.releaseTask(sql, env, lease().fence, GIVEN_UP);
    const { fence, attempts } = lease();
    expect(attempts).toBe(LIMITS.detachedAttemptsMax);
    openLog(sql, fence, HEAD);
    closeLog(sql, env, fence, "failed");
    expect(core.leaseTask(sql, env, { ...FIRST, message: "m1" })).toEqual(refused("finished"));
  });
});

describe("the state of a task", () => {
  it("tells who is to take it up, what has begun, and who is told", () => {
    const { sql, env, task, lease, frame } = open({ callback: new Uint8Array([9]), session: "s1" });
    const untouched = {
      ...{ phase: "queued", head: null, frames: 0, end: null, cancel: false, attempts: 0, queued: true },
      deadline: task.deadline,
      callback: { state: "waiting", attempts: 0, last_status: null, reason: null },
      session: "s1",
    };
    expect(core.detachedState(sql, env)).toEqual({ ok: true, value: untouched });
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    const running = { phase: "running", head: HEAD, frames: 1, attempts: 1, cancel: false };
    expect(core.detachedState(sql, env)).toMatchObject({ ok: true, value: running });
    expect(readLog(sql, env, 0)).toMatchObject({ ok: true, value: { head: HEAD } });
    core.cancelTask(sql, env);
    expect(core.detachedState(sql, env)).toMatchObject({ ok: true, value: { cancel: true } });
    const from = open({ job: null });
    expect(core.detachedState(from.sql, from.env)).toMatchObject({
      ok: true,
      value: { queued: false, callback: null, session: null },
    });
    expect(readLog(from.sql, from.env, 0)).toMatchObject({ ok: true, value: { head: null, parts: [] } });
  });

  it("is told until its time is over, and that it was afterwards", () => {
    const { sql, env, task } = open();
    env.now = task.expires_ms - 1;
    expect(core.detachedState(sql, env).ok).toBe(true);
    env.now += 1;
    expect(core.detachedState(sql, env)).toEqual(refused("expired"));
  });

  it("is nothing where there is none, so that an id that was made up makes none", () => {
    const { sql, env } = openEmpty();
    for (const seen of [
      core.detachedState(sql, env),
      core.detachedCall(sql),
      core.leaseTask(sql, env, FIRST),
      core.renewTask(sql, env, 0, LIFE_MS),
      core.releaseTask(sql, env, 0, GIVEN_UP),
      core.cancelTask(sql, env),
      core.forgetTask(sql, env),
      readLog(sql, env, 0),
      closeLog(sql, env, 0, "complete"),
    ])
      expect(seen).toEqual(refused("not_found"));
    expect(nextTimer(sql)).toBeNull();
  });
});

describe("a call without a byte", () => {
  it("is read as what it is, and not as one that was forgotten", () => {
    const { sql } = open({ sealed: new Uint8Array() });
    expect(core.detachedCall(sql)).toEqual({ ok: true, value: new Uint8Array() });
  });
});

describe("a task that its caller deleted", () => {
  it("keeps nothing that was said", () => {
    const { sql, env, lease, frame } = open();
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    frame(fence, 1);
    closeLog(sql, env, fence, "complete");
    core.forgetTask(sql, env);
    expect([sql.all("SELECT 1 FROM log_part"), core.detachedRow(sql)?.head]).toEqual([[], null]);
  });
});
