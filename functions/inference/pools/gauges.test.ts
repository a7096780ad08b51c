import { describe, expect, it } from "vitest";
import type { PoolState } from "../../../shared/contracts/pool-load.ts";
import { poolGauges } from "./gauges.ts";

const state = (pool: string, members: Partial<PoolState> = {}): PoolState => ({
  ...{ pool, connected: 2, workers: 1, capacity: 8, running: 3, waiting: 0, service_ms: null, models: [], queues: [] },
  ...members,
});
const queue = (members: Partial<PoolState["queues"][number]>): PoolState["queues"][number] => ({
  ...{ pool: "gpu", class: "interactive", ready: 4, in_flight: 3, dead: 2, oldest_ms: 1_500, sampled_ms: 0 },
  ...members,
});

describe("gauges of pools", () => {
  const told = new Map<string, number>();
  const tell = poolGauges({ set: (name, labels, value) => void told.set(`${name} ${Object.values(labels)}`, value) });
  const now = (...names: string[]) => names.map((name) => told.get(name));

  it("tell load by pool and queues by class", () => {
    tell([state("gpu", { queues: [queue({})] }), state("cpu")]);
    expect(now("bailiwick_pool_workers gpu", "bailiwick_pool_capacity gpu", "bailiwick_pool_running gpu")).toEqual([
      ...[2, 8, 3],
    ]);
    const queues = ["bailiwick_queue_depth", "bailiwick_queue_age_seconds", "bailiwick_dead_letters"];
    expect(now(...queues.map((name) => `${name} gpu,interactive`))).toEqual([4, 1.5, 2]);
  });

  it("keep the age of a queue that does not tell it, unless the queue is empty", () => {
    tell([state("gpu", { queues: [queue({ class: "batch", oldest_ms: null })] })]);
    expect(told.has("bailiwick_queue_age_seconds gpu,batch")).toBe(false);
    tell([state("gpu", { queues: [queue({ class: "batch", oldest_ms: null, ready: 0 })] })]);
    expect(now("bailiwick_queue_age_seconds gpu,batch")).toEqual([0]);
  });

  it("are 0 for a pool that is heard of no more, so that an alert does not look at the dead", () => {
    tell([state("cpu")]);
    tell([]);
    expect(
      now("bailiwick_pool_workers cpu", "bailiwick_pool_capacity gpu", "bailiwick_dead_letters gpu,interactive"),
    ).toEqual([0, 0, 0]);
  });
});
