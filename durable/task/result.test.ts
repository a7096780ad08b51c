import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { StoredResult } from "../../shared/contracts/ports/task-store.ts";
import { nextTimer } from "../runtime/timers.ts";
import { putResult, readResult, sweep } from "./core.ts";
import { GIVEN_UP, LIFE_MS, open, openEmpty } from "./detached.fixture.ts";
import { detachedRow, releaseTask } from "./detached.ts";

const made = (over: Partial<StoredResult> = {}): StoredResult => ({
  ...{ status: 201, content_type: "application/json", stream: false, sealed: new Uint8Array([1, 2, 3]) },
  expires_ms: (1_000_000 + LIFE_MS) as UnixMs, // safe because: a test's own milliseconds
  ...over,
});
const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => at % 251);

describe("the result of a task", () => {
  it.each([
    ["a small one", made()],
    ["a stream's", made({ stream: true, content_type: "text/event-stream" })],
    ["one without a byte", made({ sealed: new Uint8Array() })],
    ["one of several rows", made({ sealed: bytes(LIMITS.sqlChunkBytes * 2 + 7) })],
  ])("is read as it was kept: %s", (_, result) => {
    const { sql, env } = openEmpty();
    expect(readResult(sql, env)).toEqual({ ok: false, error: { reason: "not_found" } });
    expect(putResult(sql, env, result)).toEqual({ ok: true, value: true });
    expect(readResult(sql, env)).toEqual({ ok: true, value: result });
  });

  it("is the first one, so that a repeated call is never answered otherwise", () => {
    const { sql, env } = openEmpty();
    putResult(sql, env, made());
    expect(putResult(sql, env, made({ status: 500, sealed: new Uint8Array([9]) }))).toEqual({ ok: true, value: false });
    expect(readResult(sql, env)).toEqual({ ok: true, value: made() });
  });

  it("of a run is that of the run which has the task, so that a lost one's answer is never replayed", () => {
    const { sql, env, lease } = open();
    const first = lease().fence;
    const { fence: _, ...lost } = made({ status: 200, sealed: bytes(LIMITS.sqlChunkBytes + 1) });
    expect(putResult(sql, env, { ...lost, fence: first })).toEqual({ ok: true, value: true });
    releaseTask(sql, env, first, GIVEN_UP);
    const second = lease().fence;
    expect(putResult(sql, env, made({ fence: second }))).toEqual({ ok: true, value: true });
    expect(putResult(sql, env, { ...lost, fence: first })).toEqual({ ok: true, value: false });
    expect(readResult(sql, env)).toEqual({ ok: true, value: made() });
  });

  it("is over from its first late millisecond on, and that there was one is known for a month", () => {
    const { sql, env } = openEmpty();
    const { expires_ms } = made();
    putResult(sql, env, made());
    env.now = expires_ms - 1;
    expect(readResult(sql, env).ok).toBe(true);
    env.now = expires_ms;
    const expired = { ok: false, error: { reason: "expired" } };
    expect(readResult(sql, env)).toEqual(expired);
    expect(nextTimer(sql)).toBe(expires_ms);
    sweep(sql, env);
    expect(sql.all("SELECT 1 FROM result_chunk")).toEqual([]);
    expect(nextTimer(sql)).toBe(1_000_000 + LIMITS.taskRowMsMax);
    expect(putResult(sql, env, made())).toEqual({ ok: true, value: false });
    expect(readResult(sql, env)).toEqual(expired);
  });

  it("that is kept for longer than a month is known as long as it is kept", () => {
    const { sql, env } = openEmpty();
    const late = (env.now + LIMITS.taskRowMsMax + 5) as UnixMs; // safe because: a test's own milliseconds
    putResult(sql, env, made({ expires_ms: late }));
    env.now = late - 1;
    sweep(sql, env);
    expect(readResult(sql, env).ok).toBe(true);
  });
});

describe("the object of a task", () => {
  it("keeps nothing behind its tombstone", () => {
    const { sql, env } = open();
    env.now += LIMITS.taskRowMsMax;
    sweep(sql, env);
    expect(sql.all("SELECT name FROM sqlite_master WHERE type = 'table'")).toEqual([]);
    expect(() => detachedRow(sql)).toThrow(/no such table/);
  });
});
