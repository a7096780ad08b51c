import type { PoolConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { PoolObject } from "../../../shared/contracts/http/pools.ts";
import type { PoolLoad, PoolState } from "../../../shared/contracts/pool-load.ts";
import { type Ahead, aheadOf, busyLoad, estimatedWaitMs } from "../../inference/pools/wait.ts";
import { rfc3339 } from "../time.ts";

const loadOf = ({ capacity, running, waiting, service_ms }: PoolLoad) => ({
  ...{ capacity, running, waiting, mean_service_ms: service_ms },
});
const NOBODY: Omit<PoolState, "pool"> = {
  ...{ connected: 0, workers: 0, capacity: 0, running: 0, waiting: 0, service_ms: null, models: [], queues: [] },
};

/** A pool as its operators see it. Its waits are those of a model that every ready worker serves. */
export function poolObject(config: PoolConfig, known: PoolState | null, sent: Ahead): PoolObject {
  const state = known ?? { pool: config.name, ...NOBODY };
  const { scale_from_zero, cold_start_ms, max_wait_ms } = config;
  const ahead = aheadOf(state, sent);
  const cold = scale_from_zero ? cold_start_ms : null;
  return {
    object: "pool",
    id: config.name,
    available: state.workers > 0 || scale_from_zero,
    workers: state.connected,
    ready_workers: state.workers,
    ...loadOf(state),
    models: state.models.map((model) => ({
      ...{ id: model.id, digest: model.digest, ready_workers: model.workers },
      ...loadOf(model),
    })),
    queues: state.queues.map(({ class: of, ready, in_flight, dead, oldest_ms, sampled_ms }) => ({
      ...{ class: of, depth: ready, in_flight, dead_letters: dead, oldest_age_ms: oldest_ms },
      estimated_wait_ms: state.workers > 0 ? estimatedWaitMs(busyLoad(state, state), ahead, of) : cold,
      sampled_at: rfc3339(sampled_ms),
    })),
    ...{ scale_from_zero, cold_start_ms, max_wait_ms },
  };
}
