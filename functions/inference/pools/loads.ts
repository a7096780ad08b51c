import type { PoolConfig, Snapshot } from "../../../shared/contracts/config/snapshot.ts";
import type { PoolState } from "../../../shared/contracts/pool-load.ts";
import type { RouteReason } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import type { Offer } from "../candidates.ts";
import { type PoolRefusal, poolRefusal, retryAfterMs } from "./exclude.ts";

/** Candidates that no worker takes now, by candidate id. */
export type PoolRefusals = ReadonlyMap<string, PoolRefusal>;

const poolOf = ({ provider }: Offer): string | null =>
  provider.kind === "pool" ? (provider.pool ?? provider.name) : null;

export const poolConfig = ({ pools = {} }: Pick<Snapshot, "pools">, name: string): PoolConfig | null =>
  (Object.hasOwn(pools, name) ? pools[name] : undefined) ?? null;

/**
 * Which of the offers no worker takes now. A call without a pool among them reads nothing. A run stands where its worker
 * is, or where there is none: load says nothing about it any more. What cannot be known refuses nobody: the job waits in
 * its queue.
 */
export const poolRefusals = (deps: Watched, call: Waiting, offers: readonly Offer[]): Promise<PoolRefusals> =>
  judged(deps, call, offers, true);

/** The same for who only asks: no queue counts longer for it. */
export const poolRefusalsSeen = (deps: Watched, call: Waiting, offers: readonly Offer[]): Promise<PoolRefusals> =>
  judged(deps, call, offers, false);

type Watched = Pick<Deps, "poolWatch" | "clock">;
type Waiting = Pick<Call, "snapshot" | "deadline" | "run" | "task">;

async function judged(deps: Watched, call: Waiting, offers: readonly Offer[], sends: boolean): Promise<PoolRefusals> {
  const refusals = new Map<string, PoolRefusal>();
  const ofPools = offers.flatMap((offer) => {
    const pool = poolOf(offer);
    return pool === null ? [] : [{ pool, candidate: offer.candidate }];
  });
  if (ofPools.length === 0) return refusals;
  if (call.run !== undefined) {
    const { pool: own } = call.run;
    for (const { pool, candidate } of ofPools)
      if (pool !== own) refusals.set(candidate.id, { reason: "pool_unavailable", retry_after_ms: 0 });
    return refusals;
  }
  const states = await deps.poolWatch.states();
  if (states === null) return refusals;
  const judge = (known: readonly PoolState[]): void => {
    refusals.clear();
    for (const { pool, candidate } of ofPools) {
      const refusal = poolRefusal({
        needed: candidate,
        config: poolConfig(call.snapshot, pool),
        state: known.find((state) => state.pool === pool) ?? null,
        sent: deps.poolWatch.sentTo(pool, call.task),
        leftMs: call.deadline - deps.clock.now(),
      });
      if (refusal !== null) refusals.set(candidate.id, refusal);
    }
  };
  judge(states);
  // A worker that came to another edge a moment ago, or caught up there, is known to the cell and not yet here.
  const newer = refusals.size > 0 ? await deps.poolWatch.newer() : null;
  if (newer !== null) judge(newer);
  // Where a pool is the first choice its queue is counted longer from here on: calls of one moment do not all pass.
  const first = offers.find(({ candidate }) => !refusals.has(candidate.id));
  const pool = first === undefined ? null : poolOf(first);
  if (pool !== null && sends) deps.poolWatch.sent({ pool, class: "interactive" }, call.task);
  return refusals;
}

/** What a call without a route is answered with: 429 or 503 of a pool where one stood in the way, else that there is none. */
export function noRoute(
  deps: Pick<Deps, "router">,
  refusals: PoolRefusals,
  rejected: readonly RouteReason[],
): ProblemError {
  const named = new Set(rejected.map(({ candidate }) => candidate));
  const pools = [...refusals].filter(([id]) => named.has(id)).map(([, refusal]) => refusal);
  const members = { candidates: rejected };
  if (pools.length === 0) return new ProblemError("no-route", { retryAfterMs: 1_000, members });
  const overloaded = pools.filter(({ reason }) => reason === "pool_overloaded");
  const soonest = Math.min(...(overloaded.length > 0 ? overloaded : pools).map((refusal) => refusal.retry_after_ms));
  const slug = overloaded.length > 0 ? "pool-overloaded" : "pool-unavailable";
  return new ProblemError(slug, { retryAfterMs: retryAfterMs(soonest, deps.router.random), members });
}
