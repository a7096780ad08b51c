import type { PoolState } from "../../../shared/contracts/pool-load.ts";
import type { Metrics } from "../../../shared/contracts/ports/telemetry.ts";

/**
 * Tells the gauges of pools, whose labels are names of the configuration and the two classes. What a pool told before and
 * tells no more is 0: a gauge would keep its last value.
 */
export function poolGauges(metrics: Pick<Metrics, "set">): (states: readonly PoolState[]) => void {
  const known = new Map<string, () => void>();
  return (states) => {
    const gone = new Map(known);
    const set = (name: string, labels: Record<string, string>, value: number) => {
      const key = `${name} ${Object.values(labels).join("/")}`;
      metrics.set(name, labels, value);
      known.set(key, () => metrics.set(name, labels, 0));
      gone.delete(key);
    };
    for (const { pool, connected, capacity, running, queues } of states) {
      set("bailiwick_pool_workers", { pool }, connected);
      set("bailiwick_pool_capacity", { pool }, capacity);
      set("bailiwick_pool_running", { pool }, running);
      for (const { class: of, ready, dead, oldest_ms } of queues) {
        set("bailiwick_queue_depth", { pool, class: of }, ready);
        // A queue that does not tell has an age only while it is empty.
        if (oldest_ms !== null || ready === 0)
          set("bailiwick_queue_age_seconds", { pool, class: of }, (oldest_ms ?? 0) / 1_000);
        set("bailiwick_dead_letters", { pool, class: of }, dead);
      }
    }
    for (const clear of gone.values()) clear();
  };
}
