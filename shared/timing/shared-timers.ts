import type { CallOff, Timers } from "./timers.ts";

interface Waiting {
  dueMs: number;
  work: () => void;
  off: boolean;
}

/** The runtime's clock and timers; tests have their own. */
export interface TimerSource {
  /** Milliseconds of a clock that only counts. */
  nowMs(): number;
  after(ms: number, work: () => void): CallOff;
}

const runtime: TimerSource = {
  nowMs: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};

/** A timer that nobody waits for any more stays for so long at most: the next one may be due no earlier. */
const IDLE_MS_MAX = 1_000;

/**
 * Many waits over one timer of the runtime, which is set for the earliest. Nearly all waits of a call are bounds that are
 * called off, and setting and clearing the runtime's own costs Deno several microseconds each. Waits of one length are one
 * list in order of their ends, so that setting one and calling it off is a set's `add` and `delete`.
 */
export function sharedTimers(source: TimerSource = runtime): Timers {
  const byLength = new Map<number, Set<Waiting>>();
  let waiting = 0;
  let armedMs = Number.POSITIVE_INFINITY;
  let disarm: CallOff | null = null;

  function arm(dueMs: number): void {
    disarm?.();
    armedMs = dueMs;
    disarm =
      dueMs === Number.POSITIVE_INFINITY ? null : source.after(Math.max(0, Math.ceil(dueMs - source.nowMs())), fire);
  }

  function fire(): void {
    disarm = null;
    const nowMs = source.nowMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [ms, list] of byLength) {
      for (const entry of list) {
        if (entry.dueMs > nowMs) {
          nextMs = Math.min(nextMs, entry.dueMs);
          break;
        }
        list.delete(entry);
        waiting--;
        // Each by itself, so that one that throws keeps no other from its turn; it may still be called off by another.
        queueMicrotask(() => {
          if (!entry.off) entry.work();
        });
      }
      if (list.size === 0) byLength.delete(ms);
    }
    arm(nextMs);
  }

  return {
    after(ms, work) {
      const entry: Waiting = { dueMs: source.nowMs() + ms, work, off: false };
      let list = byLength.get(ms);
      if (list === undefined) {
        list = new Set();
        byLength.set(ms, list);
      }
      list.add(entry);
      waiting++;
      if (entry.dueMs < armedMs) arm(entry.dueMs);
      return () => {
        if (entry.off) return;
        entry.off = true;
        const of = byLength.get(ms);
        if (of?.delete(entry) !== true) return;
        waiting--;
        if (of.size === 0) byLength.delete(ms);
        // The runtime's timer would hold an idle process.
        if (waiting === 0 && armedMs - source.nowMs() > IDLE_MS_MAX) arm(Number.POSITIVE_INFINITY);
      };
    },
  };
}
