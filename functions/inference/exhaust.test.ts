import { describe, expect, it, vi } from "vitest";
import type { ModelEvent } from "../../shared/contracts/ports/engine.ts";
import { exhaust } from "./exhaust.ts";

const event: ModelEvent = { kind: "chunk", raw: new Uint8Array() };

describe("an answered call", () => {
  it("is read to its end, so that no timer, listener or connection outlives it", async () => {
    let finished = false;
    async function* engine(): AsyncGenerator<ModelEvent> {
      try {
        yield event;
        yield event;
      } finally {
        finished = true;
      }
    }
    const events = engine();
    await events.next();
    await exhaust(events);
    expect(finished).toBe(true);
  });

  it("is stopped when its engine does not end, so that a silent engine holds nothing", async () => {
    vi.useFakeTimers();
    try {
      const stopped = vi.fn(async () => ({ done: true as const, value: undefined }));
      const over = exhaust({ next: () => new Promise(() => {}), return: stopped });
      await vi.advanceTimersByTimeAsync(1_000);
      await over;
      expect(stopped).toHaveBeenCalledOnce();
    } finally {
      vi.useRealTimers();
    }
  });

  it("stays answered when the engine breaks behind it", async () => {
    await expect(exhaust({ next: () => Promise.reject(new Error("reset")) })).resolves.toBeUndefined();
  });
});
