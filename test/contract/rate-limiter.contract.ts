import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { RateLimiter } from "../../shared/contracts/ports/rate-limiter.ts";

/** Makes a limiter whose buckets hold and refill `perMinute()`. */
export type MakeRateLimiter = (perMinute: () => number, clock: Clock) => RateLimiter;

const clock: Clock = { now: () => Date.now() as UnixMs }; // safe because: the test sets the time
let keys = 0;
const key = () => `address-${process.pid}-${++keys}`;
const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);

/** What every `RateLimiter` promises. The time is the test's: nothing sleeps. */
export function rateLimiterContract(name: string, make: MakeRateLimiter): void {
  describe(`RateLimiter: ${name}`, () => {
    beforeEach(() => {
      vi.useFakeTimers({ toFake: ["Date"], now: 1_795_000_000_000 });
    });
    afterEach(() => {
      vi.useRealTimers();
    });
    const drain = async (limiter: RateLimiter, who: string, times: number) => {
      let allowed = 0;
      for (let take = 0; take < times; take++) if ((await limiter.take(who)).allowed) allowed++;
      return allowed;
    };

    it("allows a full bucket and then says how long to wait", async () => {
      const limiter = make(() => 10, clock);
      const who = key();
      expect(await drain(limiter, who, 10)).toBe(10);
      const refused = await limiter.take(who);
      expect(refused).toMatchObject({ allowed: false, degraded: false });
      expect(refused.retry_after_ms).toBeGreaterThan(0);
      expect(refused.retry_after_ms).toBeLessThanOrEqual(6_000);
    });

    it("is as good as its word: after the wait one call is allowed and not two", async () => {
      const limiter = make(() => 10, clock);
      const who = key();
      await drain(limiter, who, 10);
      const { retry_after_ms } = await limiter.take(who);
      pass(retry_after_ms);
      expect(await drain(limiter, who, 3)).toBe(1);
    });

    it("refills to the full bucket and never beyond it, however long nobody calls", async () => {
      const limiter = make(() => 10, clock);
      const who = key();
      await drain(limiter, who, 10);
      pass(3_600_000);
      expect(await drain(limiter, who, 30)).toBe(10);
    });

    it("keeps callers apart, so that one address never spends another's bucket", async () => {
      const limiter = make(() => 5, clock);
      const [one, other] = [key(), key()];
      expect(await drain(limiter, one, 20)).toBe(5);
      expect(await drain(limiter, other, 20)).toBe(5);
    });

    it("allows no more than the bucket when calls come at once", async () => {
      const limiter = make(() => 20, clock);
      const who = key();
      const taken = await Promise.all(Array.from({ length: 100 }, () => limiter.take(who)));
      expect(taken.filter(({ allowed }) => allowed)).toHaveLength(20);
    });

    it("applies a changed quota at once, as a new snapshot may bring it", async () => {
      let quota = 5;
      const limiter = make(() => quota, clock);
      expect(await drain(limiter, key(), 20)).toBe(5);
      quota = 8;
      expect(await drain(limiter, key(), 20)).toBe(8);
    });
  });
}
