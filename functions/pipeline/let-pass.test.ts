import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { letPass } from "./let-pass.ts";

/** A body of so many parts of 1 KiB, and what became of it. */
function bodyOf(parts: number, then: "ends" | "stalls" | "breaks" = "ends") {
  const seen = { read: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (seen.read < parts) {
          seen.read++;
          controller.enqueue(new Uint8Array(1024));
        } else if (then === "ends") controller.close();
        else if (then === "breaks") controller.error(new TypeError("connection reset"));
        else return new Promise<void>(() => undefined);
        return undefined;
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { body, seen };
}

describe("letPass", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("reads what is refused to its end, so that its sender gets to read the refusal", async () => {
    const { body, seen } = bodyOf(100);
    await letPass(body, 100 * 1024);
    expect(seen).toEqual({ read: 100, cancelled: false });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("reads nothing of what is announced as larger than anybody waits for", async () => {
    const { body, seen } = bodyOf(1);
    await letPass(body, LIMITS.unreadBodyBytesMax + 1);
    expect(seen.read).toBe(0);
    await letPass(body, LIMITS.unreadBodyBytesMax);
    expect(seen.read).toBe(1);
  });

  it("waits for a sender that stalls no longer than its bound, so that nobody holds a call by a body", async () => {
    const { body, seen } = bodyOf(3, "stalls");
    let over = false;
    const passing = letPass(body, 1024 * 1024).then(() => {
      over = true;
    });
    await vi.advanceTimersByTimeAsync(LIMITS.unreadBodyMsMax - 1);
    expect([over, seen]).toEqual([false, { read: 3, cancelled: false }]);
    await vi.advanceTimersByTimeAsync(1);
    await passing;
    expect(seen.cancelled).toBe(true);
  });

  it("takes a sender that left for what it is", async () => {
    await expect(letPass(bodyOf(2, "breaks").body, 4096)).resolves.toBeUndefined();
    await expect(letPass(null, 4096)).resolves.toBeUndefined();
  });
});
