import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { RateBucket, RateState } from "../../../shared/contracts/ports/tenant-store.ts";
import { KnownRows } from "../../runtime/known.ts";
import type { Sql } from "../../runtime/sql.ts";

/** A call draws from each dimension and unit at most once; 5 dimensions, 2 units. */
const BUCKETS_MAX = 10;

/**
 * A bucket is one number: the time at which it is full again (the generic cell rate algorithm). Drawing moves it by
 * units × per_ms ÷ limit; it may lie at most burst units and a bounded debt in the future. Limits may change between calls.
 */
interface Drawn {
  bucket: RateBucket;
  id: string;
  unitMs: number;
  units: number;
  fullMs: number;
}

/** What a settlement corrects: bucket, units that were drawn, milliseconds a unit. */
export type TokenDraw = [id: string, units: number, unitMs: number];

export type Draw =
  | { ok: true; states: RateState[]; tokens: TokenDraw[]; write: () => void }
  | { ok: false; state: RateState; retry_after_ms: number };

const marks = (count: number, mark: string): string => Array(count).fill(mark).join(", ");
/** One look-up a bucket in one row: a list after IN would be sorted into a table of its own first, at five times the cost. */
const READS = Array.from({ length: BUCKETS_MAX + 1 }, (_, n) => {
  const reads = Array.from({ length: n }, (_, at) => `(SELECT full_ms FROM bucket WHERE id = ?) AS b${at}`);
  return `SELECT ${reads.join(", ")}`;
});
const WRITES = Array.from(
  { length: BUCKETS_MAX + 1 },
  (_, n) =>
    `INSERT INTO bucket (id, full_ms) VALUES ${marks(n, "(?, ?)")} ON CONFLICT (id) DO UPDATE SET full_ms = excluded.full_ms`,
);

/**
 * Draws one request or `tokens` from every bucket, or from none. A draw larger than a bucket needs the full bucket and
 * empties it: the bound of a long input may exceed the burst, and settlement gives back what was not used.
 */
export function draw(sql: Sql, nowMs: number, rates: readonly RateBucket[], tokens: number): Draw {
  const drawn: Drawn[] = plan(sql, nowMs, rates, tokens);
  for (const one of drawn) {
    if (one.bucket.limit <= 0 || one.bucket.burst < 1) return closed(one.bucket);
    const waitMs = one.fullMs - nowMs - one.bucket.burst * one.unitMs;
    // A millionth of a millisecond of slack: sums of fractions must not refuse the last unit of a burst.
    if (waitMs > 1e-6)
      return {
        ok: false,
        state: stateOf({ ...one, fullMs: one.fullMs - one.units * one.unitMs }, nowMs),
        retry_after_ms: Math.max(1, Math.ceil(waitMs)),
      };
  }
  return {
    ok: true,
    states: drawn.map((one) => stateOf(one, nowMs)),
    tokens: drawn
      .filter((one) => one.bucket.unit === "tokens" && one.units > 0)
      .map((one): TokenDraw => [one.id, one.units, one.unitMs]),
    write: () => {
      if (drawn.length > 0)
        writeFull(
          sql,
          drawn.map(({ id, fullMs }) => [id, fullMs]),
        );
    },
  };
}

/** A limit of zero: nothing ever passes. */
const closed = ({ dimension, unit, limit, per_ms }: RateBucket): Draw => ({
  ok: false,
  state: { dimension, unit, limit, remaining: 0, reset_ms: per_ms },
  retry_after_ms: per_ms,
});

/** The buckets as they are, without drawing. */
export const peek = (sql: Sql, nowMs: number, rates: readonly RateBucket[]): RateState[] =>
  plan(sql, nowMs, rates, 0).map((one) => stateOf({ ...one, fullMs: one.fullMs - one.units * one.unitMs }, nowMs));

/** When each bucket is full; one that has no row is. */
const FULL = new KnownRows<string, number>("bucket");

function fullAt(sql: Sql, ids: readonly string[]): number[] {
  const known = ids.map((id) => FULL.get(sql, id));
  if (known.every((fullMs) => fullMs !== undefined)) return known;
  const stored = sql.get<Record<string, number | null>>(READS[ids.length] ?? "", ...ids);
  return ids.map((id, at) => {
    const fullMs = stored?.[`b${at}`] ?? 0;
    FULL.set(sql, id, fullMs);
    return fullMs;
  });
}

function plan(sql: Sql, nowMs: number, rates: readonly RateBucket[], tokens: number): Drawn[] {
  if (rates.length > BUCKETS_MAX) throw new RangeError("more rate buckets than a call may draw from");
  const ids = rates.map(({ dimension, unit, id }) => `${dimension}:${unit}:${id}`);
  const stored = fullAt(sql, ids);
  return rates.map((bucket, at) => {
    const id = ids[at] ?? "";
    const unitMs = bucket.per_ms / Math.max(bucket.limit, 1e-9);
    const units = Math.min(bucket.unit === "requests" ? 1 : tokens, bucket.burst);
    const storedMs = stored[at] ?? 0;
    // No debt reaches further: the clock was set back since. Such a bucket has this draw and is then empty.
    const ahead = storedMs > nowMs + bucket.burst * unitMs + LIMITS.rateDebtMsMax;
    const fromMs = ahead ? nowMs + (bucket.burst - units) * unitMs : Math.max(nowMs, storedMs);
    const fullMs = fromMs + units * unitMs;
    return { bucket, id, unitMs, units, fullMs };
  });
}

function stateOf({ bucket, unitMs, fullMs }: Drawn, nowMs: number): RateState {
  const missingMs = Math.max(0, fullMs - nowMs);
  return {
    dimension: bucket.dimension,
    unit: bucket.unit,
    limit: bucket.limit,
    remaining: Math.max(0, Math.floor(bucket.burst - missingMs / unitMs + 1e-6)),
    reset_ms: Math.ceil(missingMs),
  };
}

const writeFull = (sql: Sql, full: readonly (readonly [id: string, fullMs: number])[]): void =>
  FULL.throughAll(sql, () => sql.run(WRITES[full.length] ?? "", ...full.flat()), full);

/** Replaces what was reserved by what was used. An overrun is a debt that the next draws wait for, for a bounded time. */
export function correctTokens(sql: Sql, nowMs: number, draws: readonly TokenDraw[], used: number): void {
  if (draws.length === 0) return;
  const stored = fullAt(
    sql,
    draws.map(([id]) => id),
  );
  const corrected = draws.flatMap(([id, units, unitMs], at): [string, number][] => {
    const fullMs = stored[at] ?? 0;
    const byMs = (used - units) * unitMs;
    // What is given back to a bucket that is full again, and so forgotten, changes nothing.
    if (byMs === 0 || (byMs < 0 && fullMs === 0)) return [];
    const debtMs = Math.max(fullMs, nowMs + LIMITS.rateDebtMsMax);
    return [[id, byMs < 0 ? fullMs + byMs : Math.min(Math.max(fullMs, nowMs) + byMs, debtMs)]];
  });
  if (corrected.length > 0) writeFull(sql, corrected);
}

export const writeDraws = (draws: readonly TokenDraw[]): string | null =>
  draws.length === 0 ? null : JSON.stringify(draws);

export function readDraws(text: string | null): TokenDraw[] {
  if (text === null) return [];
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new Error("a task's draws are unreadable");
  return value.map((one): TokenDraw => {
    const [id, units, unitMs]: unknown[] = Array.isArray(one) ? one : [];
    if (typeof id !== "string" || typeof units !== "number" || typeof unitMs !== "number")
      throw new Error("a task's draws are unreadable");
    return [id, units, unitMs];
  });
}
