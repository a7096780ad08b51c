import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { liveStreams } from "../bench/queue/live.ts";
import { type BenchWorld, startBenchWorld } from "../bench/queue/world.ts";

/** More than the 256 files that a cell once kept open, and than the runs that it once took. */
const STREAMS = 320;
const HOLD_MS = 1_000;

describe("live streams of the queue lane in one process", () => {
  let world: BenchWorld;
  beforeAll(async () => {
    world = await startBenchWorld();
  }, 240_000);
  afterAll(() => world?.stop(), 120_000);

  it("are all open at once, and each of their tokens arrives once and in order, so that nobody's answer is cut for another's", async () => {
    const live = await liveStreams(world, STREAMS, { holdMs: HOLD_MS });
    expect(live.lost_example).toBeNull();
    expect(live).toMatchObject({ streams: STREAMS, live_at_once: STREAMS, lost: 0, doubled: 0 });
    expect(live.tokens_received).toBe(live.tokens_sent);
  }, 900_000);
});
