import type { ModelEvent } from "../../shared/contracts/ports/engine.ts";

/** What an engine may still send after its answer is complete: the end of the body, in the same breath. */
const TAIL_MS_MAX = 1_000;

/**
 * Reads an answered call to its end, so that the engine gives its timers and listeners back and the connection can be
 * used again; an engine that does not end is stopped. Never rejects: the answer is already complete.
 */
export async function exhaust(events: AsyncIterator<ModelEvent>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), TAIL_MS_MAX);
  });
  try {
    for (;;) {
      const next = await Promise.race([events.next(), late]);
      if (next === "late") break;
      if (next.done) return;
    }
    await events.return?.();
  } catch {
    // Whatever broke, broke after the last byte that mattered.
  } finally {
    clearTimeout(timer);
  }
}
