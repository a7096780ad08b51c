import { Ratelimit } from "@upstash/ratelimit";
import { Redis } from "@upstash/redis/cloudflare";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { RateLimiter } from "../../../shared/contracts/ports/rate-limiter.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { hmacSha256 } from "../../../shared/crypto/hmac-sha256.ts";
import { memoryRateLimiter } from "./memory.ts";

export interface UpstashOptions {
  url: string;
  token: string;
  cell: string;
  /** Keys are HMACs under this: who reads the Redis learns no address. */
  hmacKey: Uint8Array;
  perMinute(): number;
  clock: Clock;
  /** How long an answer is waited for before this isolate decides by itself; 500 ms unless stated. */
  timeoutMs?: number;
  /** Told once per outage, when it begins. */
  onDegraded?(cause: unknown): void;
}

const MINUTE_MS = 60_000;
/** A limiter must cost less than what it protects: one Redis round trip inside a region takes a few milliseconds. */
const TIMEOUT_MS = 500;
/** After a failure Redis is left alone this long, so that an outage does not add its timeout to every call. */
const COOL_DOWN_MS = 5_000;
/** An isolate sees only its share of an address's calls, so without Redis each gets half a bucket. */
const DEGRADED_SHARE = 0.5;

/**
 * Token buckets in the cell's Redis, shared by all isolates. Redis keeps HMACs and counters only. When it does not
 * answer in time, a stricter bucket of this isolate decides and the answer says `degraded`; no call fails for it.
 */
export function upstashRateLimiter(options: UpstashOptions): RateLimiter {
  const { clock, perMinute } = options;
  const redis = new Redis({
    url: options.url,
    token: options.token,
    enableTelemetry: false,
    // Batching would tie one request's answer to another request's I/O, which workerd cuts off with it.
    enableAutoPipelining: false,
    retry: false,
    signal: () => AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
  });
  const local = memoryRateLimiter(
    { perMinute: () => perMinute() * DEGRADED_SHARE, keysMax: LIMITS.preauthAddressesMax },
    clock,
    true,
  );
  let shared: { size: number; limiter: Ratelimit } | null = null;
  let retryAtMs = 0;

  const limiterFor = (size: number): Ratelimit => {
    if (shared?.size === size) return shared.limiter;
    const limiter = new Ratelimit({
      redis,
      limiter: Ratelimit.tokenBucket(
        Math.ceil(size / MINUTE_MS),
        `${Math.max(1, Math.floor(MINUTE_MS / size))} ms`,
        size,
      ),
      prefix: `bailiwick:${options.cell}:preauth:${size}`,
      // The request has its own timeout; the library's would count an unanswered call as allowed.
      timeout: 0,
      ephemeralCache: false,
      analytics: false,
    });
    shared = { size, limiter };
    return limiter;
  };

  return {
    async take(key) {
      if (clock.now() < retryAtMs) return local.take(key);
      try {
        const size = Math.max(1, Math.floor(perMinute()));
        const name = encodeBase64url(hmacSha256(options.hmacKey, key));
        const { success, reset, reason } = await limiterFor(size).limit(name);
        if (reason === "timeout") throw new Error("the limiter's store did not answer in time");
        return { allowed: success, retry_after_ms: success ? 0 : Math.max(1, reset - clock.now()), degraded: false };
      } catch (cause) {
        retryAtMs = clock.now() + COOL_DOWN_MS;
        options.onDegraded?.(cause);
        return local.take(key);
      }
    },
  };
}
