import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { LogPeriod } from "../../../shared/contracts/log.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import type { Sql } from "../sql.ts";
import { type Bundles, NO_BUNDLES, textsOf } from "./bundles.ts";
import { publicationWaitMs } from "./due.ts";
import { askPublication, checkpointRow, logRow, publishedCheckpoint } from "./state.ts";

/** The log that is asked, as its object and its host know it. */
export interface AskedLog {
  /** Entries written. */
  size: number;
  /** Of a log that was never checked. */
  origin: string;
  /** Whether this host has an archive. */
  publishes: boolean;
  now_ms: number;
}

/**
 * The run of published entries whose `at` lies in `[from_ms, to_ms)`. Entries of the period that are not published yet are
 * asked for. May throw `InArchive`.
 */
export function logPeriod(
  sql: Sql,
  { size, origin, publishes, now_ms }: AskedLog,
  { from_ms, to_ms }: { from_ms: number; to_ms: number },
  bundles: Bundles = NO_BUNDLES,
): LogPeriod {
  const published = checkpointRow(sql).size;
  const first = firstAtOrAfter(sql, from_ms, size, bundles);
  const end = firstAtOrAfter(sql, Math.max(from_ms, to_ms), size, bundles);
  const behind = end > first && end > published;
  if (behind && publishes) askPublication(sql, end);
  const retryMs = publishes ? publicationWaitMs(sql, now_ms, size) : LIMITS.logNoArchiveRetryMs;
  return {
    origin: logRow(sql).origin ?? origin,
    checkpoint: publishedCheckpoint(sql),
    first: Math.min(first, published),
    count: Math.max(0, Math.min(end, published) - first),
    pending: behind ? { reason: "pending", retry_after_ms: retryMs } : null,
  };
}

/** `at` never falls, so that the entries before a moment are the first ones. */
function firstAtOrAfter(sql: Sql, ms: number, size: number, bundles: Bundles): number {
  const { pruned } = logRow(sql);
  const timeOf = (seq: number): number => {
    const row = sql.get<{ at_ms: number }>("SELECT at_ms FROM ledger WHERE seq = ?", seq);
    if (!row) throw new Error(`ledger entry ${seq} is missing`);
    return row.at_ms;
  };
  if (pruned === size || timeOf(pruned) >= ms) return firstPruned(sql, ms, pruned, bundles);
  return bisect(pruned + 1, size, (seq) => timeOf(seq) >= ms);
}

function firstPruned(sql: Sql, ms: number, pruned: number, bundles: Bundles): number {
  const before = sql.get<{ n: number }>(
    "SELECT n FROM log_node WHERE level = 1 AND n < ? AND first_ms < ? ORDER BY n DESC LIMIT 1",
    pruned / TILE_WIDTH,
    ms,
  );
  if (!before) return 0;
  const first = before.n * TILE_WIDTH;
  const times = textsOf(sql, first, TILE_WIDTH, bundles).map(timeIn);
  const at = times.findIndex((time) => time >= ms);
  return at < 0 ? first + TILE_WIDTH : first + at;
}

function timeIn(text: string): number {
  const entry: unknown = JSON.parse(text);
  const at = typeof entry === "object" && entry !== null && "at" in entry ? entry.at : null;
  const ms = typeof at === "string" ? Date.parse(at) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error("a ledger entry has no time");
  return ms;
}

/** The smallest number in `[low, high]` for which it holds, `high` if for none before. */
function bisect(low: number, high: number, holds: (value: number) => boolean): number {
  let from = low;
  let to = high;
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
