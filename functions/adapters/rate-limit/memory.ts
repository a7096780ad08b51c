import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { RateLimiter } from "../../../shared/contracts/ports/rate-limiter.ts";

const MINUTE_MS = 60_000;

export interface BucketBounds {
  /** Refill and size of each key's bucket; asked on every take, so a new snapshot applies at once. */
  perMinute(): number;
  /** Keys that are remembered; the one used longest ago is forgotten first. */
  keysMax: number;
}

/**
 * Token buckets of one process: exact, lost on restart, not shared with other isolates. A forgotten key starts with a
 * full bucket, so `keysMax` bounds how many addresses can be held back at once.
 */
export function memoryRateLimiter(bounds: BucketBounds, clock: Clock, degraded = false): RateLimiter {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    async take(key) {
      const now = clock.now();
      const size = Math.max(1, Math.floor(bounds.perMinute()));
      const perMs = size / MINUTE_MS;
      const bucket = buckets.get(key) ?? { tokens: size, atMs: now };
      buckets.delete(key);
      if (buckets.size >= bounds.keysMax) {
        const oldest = buckets.keys().next();
        if (!oldest.done) buckets.delete(oldest.value);
      }
      const refilled = Math.min(size, bucket.tokens + Math.max(0, now - bucket.atMs) * perMs);
      const allowed = refilled >= 1;
      const tokens = allowed ? refilled - 1 : refilled;
      buckets.set(key, { tokens, atMs: now });
      return { allowed, retry_after_ms: allowed ? 0 : Math.ceil((1 - tokens) / perMs), degraded };
    },
  };
}
