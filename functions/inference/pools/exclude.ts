import type { PoolConfig } from "../../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { PoolState } from "../../../shared/contracts/pool-load.ts";
import { type Ahead, aheadOf, type Needed, poolWaitMs } from "./wait.ts";

/** Why a pool takes no call now, and when it is worth asking again. */
export interface PoolRefusal {
  reason: "pool_unavailable" | "pool_overloaded";
  retry_after_ms: number;
}

export interface PoolQuestion {
  needed: Needed;
  config: PoolConfig | null;
  state: PoolState | null;
  /** Jobs that this edge sent since the queues were looked at. */
  sent: Ahead;
  /** Until the call's deadline. */
  leftMs: number;
}

/**
 * Whether an interactive call may wait for the pool, before anything is held for it. Pure: the same load gives the same
 * answer. Batch lines are not asked about: they wait in their own queue until their deadline.
 */
export function poolRefusal({ needed, config, state, sent, leftMs }: PoolQuestion): PoolRefusal | null {
  const waitMs = poolWaitMs(state, config, needed, aheadOf(state, sent), "interactive");
  if (waitMs === null) return { reason: "pool_unavailable", retry_after_ms: LIMITS.workerLoadEveryMs };
  const mostMs = Math.min(leftMs, config?.max_wait_ms ?? LIMITS.poolWaitMsDefault);
  return waitMs > mostMs ? { reason: "pool_overloaded", retry_after_ms: waitMs - mostMs } : null;
}

/** Bounded, and spread over its last quarter, so that those who are refused together do not return together. */
export function retryAfterMs(ms: number, random: () => number): number {
  const bounded = Math.min(LIMITS.poolRetryMsMax, Math.max(LIMITS.poolRetryMsMin, ms));
  return Math.round(bounded * (0.75 + random() / 4));
}
