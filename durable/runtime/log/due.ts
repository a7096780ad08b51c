import { LIMITS } from "../../../shared/contracts/limits.ts";
import { Known } from "../known.ts";
import type { Sql } from "../sql.ts";
import { checkpointRow, logRow } from "./state.ts";

/** Entries never change, so the time of the first unpublished one holds until the next checkpoint. */
const FIRST = new Known<number>("log_checkpoint");

function firstUnpublishedMs(sql: Sql, published: number): number | undefined {
  const known = FIRST.get(sql);
  if (known !== undefined) return known;
  const row = sql.get<{ at_ms: number }>("SELECT at_ms FROM ledger WHERE seq = ?", published);
  if (row) FIRST.set(sql, row.at_ms);
  return row?.at_ms;
}

/**
 * Unix milliseconds of the log's next turn; null when nothing was ever written. Read after every batch of calls: it costs
 * no statement once a checkpoint's first follower is known.
 */
export function nextLogDue(sql: Sql, size: number): number | null {
  const { asked, checked_ms, retry_ms, fault } = logRow(sql);
  if (fault !== null) return Math.max(checked_ms + LIMITS.logRecheckMs, retry_ms);
  const { size: published, published_ms } = checkpointRow(sql);
  const waiting = size - published;
  const firstMs = waiting > 0 ? firstUnpublishedMs(sql, published) : undefined;
  if (firstMs === undefined) return published === 0 ? null : Math.max(checked_ms + LIMITS.logIdleCheckMs, retry_ms);
  const byCadence = firstMs + (waiting > LIMITS.logFewEntriesMax ? LIMITS.logManyDelayMs : LIMITS.logFewDelayMs);
  const due = asked > published ? Math.min(byCadence, published_ms + LIMITS.logAskedMsMin) : byCadence;
  return Math.max(due, retry_ms);
}

/** How long whoever asked for a publication waits before asking again. */
export function publicationWaitMs(sql: Sql, nowMs: number, size: number): number {
  const due = nextLogDue(sql, size) ?? nowMs;
  return Math.min(Math.max(due - nowMs, 0), LIMITS.logRecheckMs) + LIMITS.logTurnMs;
}
