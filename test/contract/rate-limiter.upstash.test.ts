import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { upstashRateLimiter } from "../../functions/adapters/rate-limit/upstash.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { observed } from "../crash/faults/observed.ts";
import { type RedisServer, redisBinary, startRedis } from "../support/redis.ts";
import { startUpstashProxy, type UpstashProxy } from "../support/upstash-proxy.ts";
import { rateLimiterContract } from "./rate-limiter.contract.ts";

const binary = redisBinary();
const hmacKey = new Uint8Array(32).fill(5);

describe.skipIf(binary === null)("over a real Redis", () => {
  let redis: RedisServer;
  let proxy: UpstashProxy;
  beforeAll(async () => {
    redis = await startRedis(binary ?? "");
    proxy = await startUpstashProxy(redis.socket);
  }, 320_000);
  afterAll(async () => {
    await proxy.stop();
    await redis.stop();
  });

  const failures: unknown[] = [];
  const make = (perMinute: () => number, clock: { now(): UnixMs }, timeoutMs?: number) =>
    upstashRateLimiter({
      url: proxy.url,
      token: proxy.token,
      cell: "test",
      hmacKey,
      perMinute,
      clock,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      onDegraded: (cause) => failures.push(cause),
    });

  // On a machine that is busy with other tests, Redis may take longer than a cell waits for it.
  const PATIENT_MS = 20_000;
  rateLimiterContract("upstash", (perMinute, clock) => make(perMinute, clock, PATIENT_MS));

  it("answered everything above from Redis, not from its fallback", () => {
    expect(failures).toEqual([]);
    expect(proxy.requests).toBeGreaterThan(200);
  });

  const real = { now: () => Date.now() as UnixMs }; // safe because: the machine's clock

  it("shares buckets between isolates", async () => {
    const [one, other] = [make(() => 4, real, PATIENT_MS), make(() => 4, real, PATIENT_MS)];
    const taken = [];
    for (let round = 0; round < 4; round++) taken.push(await one.take("shared"), await other.take("shared"));
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(4);
  });

  it("stores no address, only HMACs and counters that expire", async () => {
    await make(() => 7, real).take("192.0.2.77");
    const names = (await proxy.redis("KEYS", "*")) as string[]; // safe because: KEYS answers an array of strings
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      expect(name).toMatch(/^bailiwick:test:preauth:\d+:[\w-]{43}$/);
      expect(await proxy.redis("PTTL", name)).toBeGreaterThan(0);
      expect(JSON.stringify(await proxy.redis("HGETALL", name))).not.toContain("192.0.2.77");
    }
  });

  it.each(["broken", "silent"] as const)(
    "holds callers back by half a bucket of its own while Redis is %s, and fails no call",
    async (mode) => {
      let now = Date.now();
      const clock = { now: () => now as UnixMs }; // safe because: a test moment
      const limiter = make(() => 10, clock);
      expect(await limiter.take(mode)).toMatchObject({ allowed: true, degraded: false });
      proxy.mode = mode;
      failures.length = 0;
      const before = proxy.requests;
      const taken = [];
      for (let take = 0; take < 8; take++) taken.push(await limiter.take(mode));
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, true, true, false, false, false]);
      for (const { degraded } of taken) expect(degraded).toBe(true);
      expect(taken.at(-1)?.retry_after_ms).toBeGreaterThan(0);
      expect([failures.length, proxy.requests - before]).toEqual([1, 1]);
      proxy.mode = "up";
      now += 5_000;
      expect(await limiter.take(mode)).toMatchObject({ allowed: true, degraded: false });
      observed(
        "redis-away",
        mode,
        `${taken.filter(({ allowed }) => allowed).length} of ${taken.length} takes of a bucket of 10 allowed, all marked degraded, none failed`,
      );
    },
  );

  it("degrades, too, when the process is not there at all or the token is wrong", async () => {
    const gone = upstashRateLimiter({
      url: "http://127.0.0.1:1",
      token: "x",
      cell: "test",
      hmacKey,
      perMinute: () => 2,
      clock: real,
    });
    expect(await gone.take("a")).toMatchObject({ allowed: true, degraded: true });
    expect(await gone.take("a")).toMatchObject({ allowed: false, degraded: true });
    const foreign = upstashRateLimiter({
      url: proxy.url,
      token: "wrong",
      cell: "test",
      hmacKey,
      perMinute: () => 2,
      clock: real,
    });
    expect(await foreign.take("a")).toMatchObject({ degraded: true });
  });
});
