import { expect, it } from "vitest";
import { memoryRateLimiter } from "../../functions/adapters/rate-limit/memory.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { rateLimiterContract } from "./rate-limiter.contract.ts";

rateLimiterContract("memory", (perMinute, clock) => memoryRateLimiter({ perMinute, keysMax: 1_000 }, clock));

it("forgets the address used longest ago, so that a flood of addresses cannot fill the memory", async () => {
  const clock = { now: () => 0 as UnixMs }; // safe because: a test moment
  const limiter = memoryRateLimiter({ perMinute: () => 1, keysMax: 2 }, clock);
  const allowed = async (key: string) => (await limiter.take(key)).allowed;
  expect([await allowed("a"), await allowed("b"), await allowed("a")]).toEqual([true, true, false]);
  expect(await allowed("c")).toBe(true);
  expect([await allowed("a"), await allowed("b")]).toEqual([false, true]);
});
