import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { RateBucket } from "../../../shared/contracts/ports/tenant-store.ts";
import { NOON, openTenant } from "../../../test/support/tenant-core.ts";
import { admitRequest, at, bucket, settleRequest, taskId } from "../../../test/support/tenant-fixtures.ts";
import { sweep } from "../core.ts";
import { correctTokens, draw, peek, readDraws, writeDraws } from "./buckets.ts";

/** 100 ms a token, 6,000 at most. */
const tokens = bucket({ unit: "tokens", limit: 600, burst: 6_000 });
/** One a second, 60 at most. */
const requests = bucket({ limit: 60, burst: 60 });
type Tenant = ReturnType<typeof openTenant>;

function drawn(t: Tenant, rates: readonly RateBucket[], units = 0) {
  const drawing = draw(t.sql, t.env.now, rates, units);
  if (!drawing.ok) return drawing;
  drawing.write();
  return drawing;
}
const remaining = (t: Tenant, rate: RateBucket) => peek(t.sql, t.env.now, [rate])[0]?.remaining;

describe("a rate bucket", () => {
  it("without a limit, or that holds less than one, lets nothing pass and says so, so that zero means none", () => {
    const t = openTenant();
    for (const shut of [{ limit: 0 }, { limit: -1 }, { burst: 0 }, { burst: 0.5 }]) {
      const { dimension, unit, limit, per_ms } = { ...requests, ...shut };
      expect(drawn(t, [tokens, { ...requests, ...shut }], 10)).toEqual({
        ok: false,
        state: { dimension, unit, limit, remaining: 0, reset_ms: per_ms },
        retry_after_ms: per_ms,
      });
    }
    expect(drawn(t, [{ ...requests, limit: 1, burst: 1 }]).ok).toBe(true);
  });

  it("is looked at without drawing from it, and says what is left and when it is full", () => {
    const t = openTenant();
    drawn(t, [requests, tokens], 1_500);
    const states = [
      { dimension: "key", unit: "requests", limit: 60, remaining: 59, reset_ms: 1_000 },
      { dimension: "key", unit: "tokens", limit: 600, remaining: 4_500, reset_ms: 150_000 },
    ];
    for (let n = 0; n < 2; n++) expect(peek(t.sql, t.env.now, [requests, tokens])).toEqual(states);
    t.env.now += 200_000;
    expect(peek(t.sql, t.env.now, [tokens])).toMatchObject([{ remaining: 6_000, reset_ms: 0 }]);
  });

  it("that refills over longer than a debt may last is as empty as any once it is emptied", () => {
    const t = openTenant();
    const slow = bucket({ limit: 1, burst: 60 });
    for (let n = 0; n < 60; n++) expect(drawn(t, [slow]).ok).toBe(true);
    expect(drawn(t, [slow])).toMatchObject({ ok: false, retry_after_ms: 60_000 });
    t.env.now += 60_000;
    expect(drawn(t, [slow]).ok).toBe(true);
  });

  it("is one of at most ten that a call draws from: more is a fault of the edge, and draws from none", () => {
    const t = openTenant();
    const many = Array.from({ length: 11 }, (_, n) => bucket({ id: `k${n}` }));
    expect(() => draw(t.sql, t.env.now, many, 0)).toThrow(RangeError);
    expect(drawn(t, many.slice(1)).ok).toBe(true);
    expect(t.sql.get("SELECT count(*) AS n FROM bucket")?.n).toBe(10);
  });
});

describe("what a call used", () => {
  const settled = (t: Tenant, quantity: number) =>
    t.settle(settleRequest(taskId(1), { usage: [{ meter: "tokens_in", quantity }] }));

  it("corrects the buckets of tokens alone, so that a long answer costs its caller no further requests", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { rates: [requests, tokens], tokens: 1_000 }));
    settled(t, 3_000);
    expect([remaining(t, requests), remaining(t, tokens)]).toEqual([59, 3_000]);
  });

  it("may be exactly what was reserved: the settlement changes no bucket, and is not lost", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { rates: [tokens], tokens: 1_000 }));
    const before = t.sql.all("SELECT * FROM bucket");
    expect(settled(t, 1_000).ok).toBe(true);
    expect(t.sql.all("SELECT * FROM bucket")).toEqual(before);
  });

  it("is taken from a bucket that was full meanwhile, also where its row is gone, so that slow calls are not free", () => {
    for (const rowGone of [false, true]) {
      const t = openTenant();
      t.admit(admitRequest(taskId(1), NOON, { rates: [tokens], tokens: 10, deadline: at(NOON + 4 * 3_600_000) }));
      t.env.now += 2 * 3_600_000;
      if (rowGone) while (sweep(t.sql, t.env));
      expect(t.sql.get("SELECT count(*) AS n FROM bucket")?.n).toBe(rowGone ? 0 : 1);
      expect(settled(t, 2_010).ok).toBe(true);
      expect(remaining(t, tokens)).toBe(4_000);
    }
  });

  it("is given back to a bucket that was full meanwhile without filling it beyond its bound", () => {
    const t = openTenant();
    drawn(t, [tokens], 1_000);
    t.env.now += 3_600_000;
    correctTokens(t.sql, t.env.now, [[`key:tokens:${tokens.id}`, 1_000, 100]], 0);
    expect(remaining(t, tokens)).toBe(6_000);
    expect(drawn(t, [tokens], 6_000).ok).toBe(true);
    expect(drawn(t, [tokens], 1).ok).toBe(false);
  });

  it("is a debt of at most ten minutes, however much it was, so that one call locks nobody out for a day", () => {
    const t = openTenant();
    t.admit(admitRequest(taskId(1), NOON, { rates: [tokens], tokens: 10 }));
    settled(t, 100_000_000);
    const refused = drawn(t, [tokens], 6_000);
    expect(refused).toMatchObject({ ok: false, retry_after_ms: LIMITS.rateDebtMsMax });
    t.env.now += LIMITS.rateDebtMsMax;
    expect(drawn(t, [tokens], 6_000).ok).toBe(true);
  });
});

describe("the draws that are kept with a task", () => {
  it("are read as they were written", () => {
    const draws = [["key:tokens:a", 1_200, 0.5]] as const;
    expect(readDraws(writeDraws(draws.map(([id, units, ms]) => [id, units, ms])))).toEqual(draws);
    expect([writeDraws([]), readDraws(null)]).toEqual([null, []]);
  });

  it("are never guessed: what is no list of draws is refused, so that nobody's bucket is corrected by rubbish", () => {
    for (const text of [
      "{}",
      "1",
      "[1]",
      "[[]]",
      '[["a",1]]',
      '[["a","1",1]]',
      '[["a",1,"1"]]',
      "[[1,1,1]]",
      "[[null,1,1]]",
    ])
      expect(() => readDraws(text), text).toThrow("a task's draws are unreadable");
  });
});
