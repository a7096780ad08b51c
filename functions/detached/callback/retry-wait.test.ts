import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { retryAfterMs, retryWait } from "./retry-wait.ts";

describe("the wait until a callback is tried again", () => {
  it("doubles up to its bound, and half of it is chance, so that a receiver that comes back is not met by all at once", () => {
    expect([retryWait(1, 0, null), retryWait(1, 0.999, null)]).toEqual([500, 1_000]);
    expect([retryWait(5, 0, null), retryWait(5, 0.999, null)]).toEqual([8_000, 15_992]);
    expect(retryWait(30, 0.9999999999, null)).toBe(LIMITS.callbackWaitMsMax);
  });

  it("is as long as the receiver asks for, within the bound, and never shorter than it would be", () => {
    expect(retryWait(1, 0, 60_000)).toBe(60_000);
    expect(retryWait(5, 0, 1)).toBe(8_000);
    expect(retryWait(1, 0, Number.MAX_SAFE_INTEGER)).toBe(LIMITS.callbackWaitMsMax);
  });

  it("ends, all tries together, before a task's log does", () => {
    let all = 0;
    for (let attempt = 1; attempt < LIMITS.callbackTriesMax; attempt++) all += retryWait(attempt, 1, null);
    expect(all).toBeLessThan(LIMITS.detachedLifeMs);
    expect(all).toBeGreaterThan(3 * 3_600_000);
  });

  it("reads seconds and dates, and nothing else", () => {
    const now = Date.parse("2026-11-21T12:00:00Z");
    expect(retryAfterMs("120", now)).toBe(120_000);
    expect(retryAfterMs("Sat, 21 Nov 2026 12:01:00 GMT", now)).toBe(60_000);
    expect(retryAfterMs("Sat, 21 Nov 2026 11:00:00 GMT", now)).toBe(0);
    for (const text of [null, "", "soon", "-1", "99999999999999999999"]) expect(retryAfterMs(text, now)).toBeNull();
  });
});
