import type { PoolConfig } from "../../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { PoolLoad, PoolState } from "../../../shared/contracts/pool-load.ts";
import type { QueueClass } from "../../../shared/contracts/ports/job-queue.ts";

/** Jobs in front of one that is sent now, by class. */
export type Ahead = Readonly<Record<QueueClass, number>>;

/** What a call needs of a pool: the exact model, and the digest of its weights where the configuration pins one. */
export interface Needed {
  model: string;
  weights_digest?: string | undefined;
}

/** Workers that serve exactly this model; one that does not tell its digest is taken at its model's name. */
export function servingLoad(state: PoolState | null, { model, weights_digest }: Needed): PoolLoad | null {
  const serving = (state?.models ?? []).filter(
    ({ id, digest }) => id === model && (weights_digest === undefined || digest === null || digest === weights_digest),
  );
  const [first, ...more] = serving;
  return first === undefined ? null : more.reduce<PoolLoad>(joined, first);
}

function joined(a: PoolLoad, b: PoolLoad): PoolLoad {
  const timed = [a, b].filter(({ service_ms }) => service_ms !== null);
  const slots = timed.reduce((sum, { capacity }) => sum + capacity, 0);
  const ms = timed.reduce((sum, { capacity, service_ms }) => sum + capacity * (service_ms ?? 0), 0);
  return {
    workers: a.workers + b.workers,
    capacity: a.capacity + b.capacity,
    running: a.running + b.running,
    waiting: a.waiting + b.waiting,
    service_ms: slots === 0 ? null : Math.round(ms / slots),
  };
}

/**
 * How long a job that is sent now waits for its worker. `capacity` tasks end every mean service time (Little's law), the
 * jobs ahead take the free slots first, and then one slot has to become free for each of them and one more. While batch
 * work waits, workers begin one batch job after `workerInteractiveRun` interactive ones: that many of the other class
 * count as being ahead.
 */
export function estimatedWaitMs(load: PoolLoad, ahead: Ahead, of: QueueClass): number {
  const run = LIMITS.workerInteractiveRun;
  const before =
    of === "interactive"
      ? ahead.interactive + Math.min(ahead.batch, Math.floor(ahead.interactive / run))
      : ahead.batch + Math.min(ahead.interactive, run * (ahead.batch + 1));
  const free = load.capacity - load.running - load.waiting;
  if (before < free) return 0;
  const ends = before + 1 - free;
  return Math.ceil((ends * (load.service_ms ?? LIMITS.poolServiceMsAssumed)) / Math.max(1, load.capacity));
}

/**
 * The load with what the queues handed out: workers tell what they run every few seconds, and jobs that they received
 * since are in flight already.
 */
export function busyLoad<T extends PoolLoad>(load: T, state: PoolState | null): T {
  const out = (state?.queues ?? []).reduce((sum, { in_flight }) => sum + in_flight, 0);
  return { ...load, running: Math.max(load.running, Math.min(load.capacity, out)) };
}

/** Jobs that wait, as the last look at the queues has them, and those that were sent since. */
export function aheadOf(state: PoolState | null, sent: Ahead): Ahead {
  const ready = (of: QueueClass) => state?.queues.find((queue) => queue.class === of)?.ready ?? 0;
  return { interactive: ready("interactive") + sent.interactive, batch: ready("batch") + sent.batch };
}

/** The wait for a pool; null where nobody is there and nobody will be. */
export function poolWaitMs(
  state: PoolState | null,
  config: Pick<PoolConfig, "scale_from_zero" | "cold_start_ms"> | null,
  needed: Needed,
  ahead: Ahead,
  of: QueueClass,
): number | null {
  const load = servingLoad(state, needed);
  if (load !== null) return estimatedWaitMs(busyLoad(load, state), ahead, of);
  return config?.scale_from_zero ? config.cold_start_ms : null;
}
