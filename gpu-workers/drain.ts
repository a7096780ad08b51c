import { pause } from "./backoff.ts";

export interface Drainable {
  /** Tells the cell that no more work is taken. */
  leaving: () => void;
  /** Asks the queue for nothing more; resolves when no receive is under way. */
  stopReceiving: () => Promise<void>;
  /** Jobs in hand. */
  active: () => number;
  /** Resolves when a job is out of hand. */
  released: () => Promise<void>;
  /** Stops what still runs and gives its messages back. */
  giveUp: () => Promise<void>;
  /** Resolves when the queue was told about what ended. */
  told: () => Promise<void>;
}

/**
 * A graceful end: nothing new is taken, what runs may end within `ms`, and the messages of what does not are given back,
 * so that another worker has them at once. `hurry` cuts the wait short.
 */
export async function drain(
  { leaving, stopReceiving, active, released, giveUp, told }: Drainable,
  ms: number,
  hurry: AbortSignal,
): Promise<{ gaveUp: number }> {
  leaving();
  const bound = AbortSignal.any([hurry, AbortSignal.timeout(ms)]);
  await Promise.race([stopReceiving(), pause(ms, bound)]);
  while (active() > 0 && !bound.aborted) await Promise.race([released(), pause(ms, bound)]);
  const gaveUp = active();
  if (gaveUp > 0) await giveUp();
  await told();
  return { gaveUp };
}
