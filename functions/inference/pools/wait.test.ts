import { describe, expect, it } from "vitest";
import type { PoolConfig } from "../../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { PoolLoad, PoolState } from "../../../shared/contracts/pool-load.ts";
import { type PoolQuestion, poolRefusal, retryAfterMs } from "./exclude.ts";
import { busyLoad, estimatedWaitMs, servingLoad } from "./wait.ts";

const load = (members: Partial<PoolLoad> = {}): PoolLoad => ({
  ...{ workers: 1, capacity: 4, running: 4, waiting: 0, service_ms: 1_000 },
  ...members,
});
const state = (members: Partial<PoolState> = {}): PoolState => ({
  ...{ pool: "gpu", connected: 1, ...load(), models: [{ id: "llama", digest: null, ...load() }], queues: [] },
  ...members,
});
const queue = (of: "interactive" | "batch", ready: number): PoolState["queues"][number] => ({
  ...{ pool: "gpu", class: of, ready, in_flight: 0, dead: 0, oldest_ms: 0, sampled_ms: 0 },
});
const none = { interactive: 0, batch: 0 };

describe("the estimated wait", () => {
  it.each([
    ["nothing while a slot is free", load({ running: 3 }), none, 0],
    ["one ending where all slots are taken", load(), none, 250],
    ["jobs ahead take free slots first", load({ running: 0 }), { interactive: 3, batch: 0 }, 0],
    ["and the rest of them end in turns", load({ running: 0 }), { interactive: 11, batch: 0 }, 2_000],
    ["requests that wait inside the engine are ahead too", load({ waiting: 4 }), none, 1_250],
    ["an assumed time before anything was settled", load({ capacity: 1, running: 1, service_ms: null }), none, 5_000],
    ["a batch job after every eighth interactive one", load(), { interactive: 15, batch: 100 }, 4_250],
  ] as const)("is %s", (_what, of, ahead, ms) => {
    expect(estimatedWaitMs(of, ahead, "interactive")).toBe(ms);
  });

  it("counts what was handed out since a worker told its load, up to what it can run", () => {
    const out = (in_flight: number) => state({ queues: [{ ...queue("interactive", 0), in_flight }] });
    const told = load({ running: 1 });
    expect([0, 1, 3, 400].map((count) => busyLoad(told, out(count)).running)).toEqual([1, 1, 3, 4]);
    expect(busyLoad(told, null)).toEqual(told);
  });

  it("lets batch jobs wait behind the interactive ones that workers take first, and not behind all of them", () => {
    expect(estimatedWaitMs(load(), { interactive: 4, batch: 0 }, "batch")).toBe(1_250);
    expect(estimatedWaitMs(load(), { interactive: 1_000, batch: 0 }, "batch")).toBe(2_250);
  });

  it("grows with every job ahead, so that no burst looks shorter than a smaller one", () => {
    const waits = Array.from({ length: 200 }, (_, interactive) =>
      estimatedWaitMs(load({ running: 1 }), { interactive, batch: 7 }, "interactive"),
    );
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits.at(-1)).toBeGreaterThan(50_000);
  });
});

describe("a model's workers", () => {
  const mixed = state({
    models: [
      { id: "llama", digest: "sha256:a", ...load({ workers: 2, capacity: 8, service_ms: 1_000 }) },
      { id: "llama", digest: "sha256:b", ...load({ service_ms: 4_000 }) },
      { id: "mistral", digest: null, ...load() },
    ],
  });

  it("are those of exactly its id, and of its pinned weights, so that no other model answers for it", () => {
    expect(servingLoad(mixed, { model: "llama" })).toMatchObject({ workers: 3, capacity: 12, service_ms: 2_000 });
    expect(servingLoad(mixed, { model: "llama", weights_digest: "sha256:b" })).toMatchObject({ capacity: 4 });
    expect(servingLoad(mixed, { model: "llama", weights_digest: "sha256:c" })).toBeNull();
    expect(servingLoad(mixed, { model: "mistral", weights_digest: "sha256:c" })).toMatchObject({ capacity: 4 });
    expect(servingLoad(mixed, { model: "llam" })).toBeNull();
    expect(servingLoad(null, { model: "llama" })).toBeNull();
  });
});

describe("a pool refuses a call", () => {
  const config = (members: Partial<PoolConfig> = {}): PoolConfig => ({
    ...{ name: "gpu", issuers: [], scale_from_zero: false, cold_start_ms: 60_000, max_wait_ms: 10_000 },
    ...members,
  });
  const asked = (members: Partial<PoolQuestion> = {}) =>
    poolRefusal({
      ...{ needed: { model: "llama" }, config: config(), state: state(), sent: none, leftMs: 600_000 },
      ...members,
    });

  it("that no worker is there for, with the time in which one would be heard of", () => {
    const refusal = { reason: "pool_unavailable", retry_after_ms: LIMITS.workerLoadEveryMs };
    expect(asked({ state: null })).toEqual(refusal);
    expect(asked({ needed: { model: "other" } })).toEqual(refusal);
    expect(asked({ state: state({ connected: 3, models: [] }) })).toEqual(refusal);
    expect(asked()).toBeNull();
  });

  it("that would wait beyond its own deadline or the pool's patience, and tells how much too long", () => {
    const full = state({ queues: [queue("interactive", 63)] });
    expect(asked({ state: full })).toEqual({ reason: "pool_overloaded", retry_after_ms: 6_000 });
    expect(asked({ state: full, config: config({ max_wait_ms: 16_000 }) })).toBeNull();
    expect(asked({ state: full, config: config({ max_wait_ms: 60_000 }), leftMs: 15_999 })).toEqual({
      ...{ reason: "pool_overloaded", retry_after_ms: 1 },
    });
    expect(asked({ state: full, config: null })).toBeNull();
  });

  it("counts what was sent since the queues were looked at, so that a burst does not pass between two looks", () => {
    expect(asked({ sent: { interactive: 100, batch: 0 } })).toMatchObject({ reason: "pool_overloaded" });
  });

  it("waits for a pool that is started on demand, where the deadline leaves time for it", () => {
    const cold = config({ scale_from_zero: true, max_wait_ms: 60_000 });
    expect(asked({ config: cold, state: null })).toBeNull();
    expect(asked({ config: cold, state: null, leftMs: 59_000 })).toEqual({
      ...{ reason: "pool_overloaded", retry_after_ms: 1_000 },
    });
  });
});

it("asks to come back within bounds and not all at once, so that refused callers do not return together", () => {
  expect([0, 10, 4_000, 1e9].map((ms) => retryAfterMs(ms, () => 0.999_999))).toEqual([1_000, 1_000, 4_000, 30_000]);
  expect([0, 10, 4_000, 1e9].map((ms) => retryAfterMs(ms, () => 0))).toEqual([750, 750, 3_000, 22_500]);
});
