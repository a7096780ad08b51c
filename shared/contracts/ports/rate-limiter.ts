/** Pre-authentication limiter: keys are HMACs, values counters. Degrades to a stricter local bucket, never fails a call. */
export interface RateLimiter {
  take(key: string): Promise<{ allowed: boolean; retry_after_ms: number; degraded: boolean }>;
}
