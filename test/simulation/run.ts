import { Worker } from "node:worker_threads";
import type { Outcome } from "./simulate.ts";
import type { ThreadData } from "./thread.ts";

export interface RunOptions {
  from: number;
  count: number;
  threads: number;
  defect: string | null;
  slow: boolean;
  /** Whether a tenant moves in every seed. */
  moves: boolean;
  /** Whether nothing is begun any more after the first seed that failed. */
  first: boolean;
}

/** Most of what a simulation makes is garbage at once: with room for it the collector has a third of the work. */
const YOUNG_MIB = 64;
/** What the modules of a thread keep of each world, two MiB or so, goes with it. */
const SEEDS_A_THREAD = 250;

/**
 * Runs seeds, `threads` at a time, and tells of each in the order of the seeds. A seed's history does not depend on which
 * others ran beside it or before it.
 */
export async function runSeeds(options: RunOptions, tell: (outcome: Outcome) => void): Promise<void> {
  const { from, count, defect, slow, moves, first } = options;
  const end = from + count;
  const waiting = new Map<number, Outcome>();
  let next = from;
  let told = from;
  let over = false;
  const keep = (outcome: Outcome): void => {
    waiting.set(outcome.seed, outcome);
    for (let ready = waiting.get(told); ready !== undefined && !over; ready = waiting.get(told)) {
      waiting.delete(told++);
      tell(ready);
      over = first && ready.violations.length > 0;
    }
  };
  const thread = async (): Promise<void> => {
    while (!over && next < end) await life();
  };
  const life = (): Promise<void> => {
    const data: ThreadData = { defect, slow, moves };
    const worker = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let left = SEEDS_A_THREAD;
    const more = (): void => {
      if (over || next >= end || left-- === 0) resolve();
      else worker.postMessage(next++);
    };
    worker.on("message", (outcome: Outcome) => {
      keep(outcome);
      more();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`a thread ended with ${code}`)));
    more();
    return promise.finally(() => worker.terminate());
  };
  await Promise.all(Array.from({ length: Math.min(options.threads, count) }, thread));
}
