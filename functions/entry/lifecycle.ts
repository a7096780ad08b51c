import type { Lifecycle } from "../context.ts";

export interface ManagedLifecycle extends Lifecycle {
  /** Refuses new governed calls, waits for those in flight, after `timeoutMs` ends what is left, and lets it settle. */
  drain(timeoutMs: number, settleMs: number): Promise<{ ended: number }>;
}

export function createLifecycle(): ManagedLifecycle {
  const expired = new AbortController();
  let draining = false;
  let inFlight = 0;
  let onIdle: (() => void) | null = null;
  const idle = (): Promise<void> =>
    inFlight === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          onIdle = resolve;
        });
  return {
    get draining() {
      return draining;
    },
    expired: expired.signal,
    enter() {
      inFlight++;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        if (--inFlight === 0) onIdle?.();
      };
    },
    async drain(timeoutMs, settleMs) {
      draining = true;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const timeout = new Promise<"timeout">((resolve) => {
        timer = setTimeout(() => resolve("timeout"), timeoutMs);
      });
      const outcome = await Promise.race([idle().then(() => "idle" as const), timeout]);
      clearTimeout(timer);
      if (outcome === "idle") return { ended: 0 };
      const ended = inFlight;
      expired.abort();
      // Ended streams still settle; a second bound keeps a stuck store from holding the process.
      await Promise.race([idle(), new Promise((resolve) => setTimeout(resolve, settleMs))]);
      return { ended };
    },
  };
}
