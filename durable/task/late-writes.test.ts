import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { nextTimer } from "../runtime/timers.ts";
import * as callback from "./callback.ts";
import { sweep } from "./core.ts";
import { GIVEN_UP, HEAD, LIFE_MS, open, openEmpty } from "./detached.fixture.ts";
import * as core from "./detached.ts";
import { appendLog, closeLog, foldParts, openLog, readLog } from "./log.ts";
import { dueWork, endRun, leaseRun, putPayload, readPayload, startRun } from "./run.ts";

const refused = (reason: string) => ({ ok: false, error: { reason } });
const part = (from: number, frames = 1) => ({ from, frames, sealed: new Uint8Array([from, frames]) });

function begun() {
  const t = open();
  const { fence } = t.lease();
  openLog(t.sql, fence, HEAD);
  const page = () => {
    const read = readLog(t.sql, t.env, 0);
    if (!read.ok) throw new Error(read.error.reason);
    return { frames: read.value.frames, parts: read.value.parts.map(({ from, frames }) => [from, frames]) };
  };
  return { ...t, fence, page };
}

describe("a part of a log", () => {
  it("is refused as a defect when it holds no frame, is larger than a row, or comes before the head", () => {
    const { sql, fence } = begun();
    expect(() => appendLog(sql, fence, { ...part(1), frames: 0 })).toThrow(RangeError);
    const sealed = new Uint8Array(LIMITS.sqlChunkBytes + 1);
    expect(() => appendLog(sql, fence, { ...part(1), sealed })).toThrow(RangeError);
    expect(appendLog(sql, fence, { ...part(1), sealed: sealed.slice(1) }).ok).toBe(true);
    const headless = open();
    const { fence: first } = headless.lease();
    expect(() => appendLog(headless.sql, first, part(1))).toThrow(RangeError);
    expect(() => closeLog(headless.sql, headless.env, first, "complete")).toThrow(RangeError);
  });

  it("that is written again tells of a cancellation as the first time", () => {
    const { sql, env, fence, frame } = begun();
    expect(frame(fence, 1)).toEqual({ ok: true, value: { cancel: false } });
    expect(frame(fence, 1)).toEqual({ ok: true, value: { cancel: false } });
    core.cancelTask(sql, env);
    expect(frame(fence, 1)).toEqual({ ok: true, value: { cancel: true } });
  });

  it("that nobody saw is not in a log that failed, and is in one that ended whole", () => {
    for (const [end, frames] of [
      ["failed", 1],
      ["complete", 3],
    ] as const) {
      const { sql, env, fence, frame, page } = begun();
      frame(fence, 1);
      appendLog(sql, fence, { ...part(2, 2), unseen: true });
      closeLog(sql, env, fence, end);
      expect(page()).toEqual({
        frames,
        parts:
          end === "failed"
            ? [[1, 1]]
            : [
                [1, 1],
                [2, 2],
              ],
      });
      expect(sql.all("SELECT 1 FROM log_part")).toHaveLength(end === "failed" ? 1 : 2);
    }
  });
});

describe("the end of a log", () => {
  it("is said once: another end, or another run's, changes nothing", () => {
    const { sql, env, fence } = begun();
    closeLog(sql, env, fence, "failed");
    expect(closeLog(sql, env, fence, "failed")).toEqual({ ok: true, value: null });
    expect(closeLog(sql, env, fence, "complete")).toEqual(refused("fenced"));
    expect(closeLog(sql, env, fence + 1, "failed")).toEqual(refused("fenced"));
    expect(readLog(sql, env, 0)).toMatchObject({ ok: true, value: { end: "failed" } });
  });
});

describe("parts that were durable elsewhere", () => {
  it("go on where the log is, in order and each once, and answer how far they reach", () => {
    const { sql, fence, frame, page } = begun();
    frame(fence, 1);
    appendLog(sql, fence, { ...part(2, 2), unseen: true });
    expect(foldParts(sql, [part(1), part(2, 2), part(4)])).toBe(4);
    expect(page()).toEqual({
      frames: 4,
      parts: [
        [1, 1],
        [2, 2],
        [4, 1],
      ],
    });
    expect(foldParts(sql, [part(2, 2), part(4)])).toBe(4);
    expect(foldParts(sql, [part(7)])).toBe(7);
    expect(page().frames).toBe(4);
    expect(foldParts(sql, [])).toBe(0);
  });

  it("change nothing of what has ended, has no head, or is not there", () => {
    const ended = begun();
    ended.frame(ended.fence, 1);
    closeLog(ended.sql, ended.env, ended.fence, "failed");
    expect(foldParts(ended.sql, [part(2)])).toBe(2);
    expect(ended.page()).toEqual({ frames: 1, parts: [[1, 1]] });
    for (const { sql } of [open(), openEmpty()]) {
      foldParts(sql, [part(1)]);
      expect(sql.all("SELECT 1 FROM log_part")).toEqual([]);
    }
  });
});

function approved(sealed = new Uint8Array([1])) {
  const t = openEmpty();
  const expires_ms = (t.env.now + 60_000) as UnixMs; // safe because: a test's own milliseconds
  putPayload(t.sql, t.env, { digest: "d", sealed, expires_ms, notify: false });
  return { ...t, expires_ms };
}

describe("what was approved", () => {
  it("is ended by its runner once: what it says after it gave up counts for nothing", () => {
    const { sql, env } = approved();
    startRun(sql, env);
    leaseRun(sql, env, LIFE_MS);
    endRun(sql, env, 1, { done: false, retry_ms: 0 });
    expect(endRun(sql, env, 1, { done: true })).toEqual(refused("fenced"));
    // It waits for no lease to end: nobody has it.
    expect(leaseRun(sql, env, LIFE_MS)).toEqual({ ok: true, value: { fence: 2, attempts: 2 } });
  });

  it("is kept for a run that starts in its last moment, and forgotten a month after it could", () => {
    const { sql, env, expires_ms } = approved();
    env.now = expires_ms + LIMITS.approvalRunMsMax - 1;
    sweep(sql, env);
    startRun(sql, env);
    env.now += LIMITS.approvalRunMsMax - 1;
    sweep(sql, env);
    expect(readPayload(sql, "d").ok).toBe(true);
    env.now = expires_ms + LIMITS.taskRowMsMax;
    sweep(sql, env);
    expect(sql.all("SELECT name FROM sqlite_master WHERE type = 'table'")).toEqual([]);
  });

  it("leaves nothing that wakes its object once it is over, but its end", () => {
    const done = approved();
    startRun(done.sql, done.env);
    leaseRun(done.sql, done.env, LIFE_MS);
    endRun(done.sql, done.env, 1, { done: true });
    const dropped = approved();
    dropped.env.now = dropped.expires_ms + LIMITS.approvalRunMsMax;
    sweep(dropped.sql, dropped.env);
    for (const { sql, expires_ms } of [done, dropped]) expect(nextTimer(sql)).toBe(expires_ms + LIMITS.taskRowMsMax);
  });

  it("is read without a byte as what it is, and is nothing where nothing waits", () => {
    expect(readPayload(approved(new Uint8Array()).sql, "d")).toEqual({ ok: true, value: new Uint8Array() });
    const { sql, env } = openEmpty();
    expect(startRun(sql, env)).toEqual(refused("not_found"));
    expect(endRun(sql, env, 1, { done: true })).toEqual(refused("not_found"));
    expect(nextTimer(sql)).toBeNull();
  });
});

describe("a callback", () => {
  it("is told to whom and what, as it was kept, and to nobody once its time was over before the end", () => {
    const sealed = new Uint8Array([4, 5]);
    const { sql, env, task, lease } = open({ callback: sealed });
    expect(callback.readCallback(sql)).toMatchObject({ ok: true, value: { attempts: 0, sealed } });
    env.now = task.expires_ms;
    sweep(sql, env);
    const { fence } = lease();
    openLog(sql, fence, HEAD);
    closeLog(sql, env, fence, "complete");
    expect(dueWork(sql, env).callback).toBe(false);
  });

  it("is nothing where nobody asked for one", () => {
    const { sql, env } = openEmpty();
    expect(callback.beginCallback(sql)).toEqual(refused("not_found"));
    const end = { state: "delivered", last_status: 200, reason: null } as const;
    expect(callback.endCallback(sql, env, 1, end)).toEqual(refused("not_found"));
  });
});

it("what was given up is begun again by whoever is asked next, and its log goes on where it was", () => {
  const { sql, env, fence, frame, page, lease } = begun();
  frame(fence, 1);
  core.releaseTask(sql, env, fence, GIVEN_UP);
  const next = lease();
  expect(next).toMatchObject({ fence: fence + 1, frames: 1, head: HEAD });
  expect(frame(next.fence, 2).ok).toBe(true);
  expect(page().frames).toBe(2);
});
