import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { type Bundles, NO_BUNDLES } from "../../runtime/log/bundles.ts";
import type { Sql } from "../../runtime/sql.ts";
import { eventsOf } from "./events.ts";
import { headOf, parseEntry, readEntry } from "./ledger.ts";

/**
 * The ledger is the outbox: its rows are written in the deciding transaction, never change, and are read here in order
 * from a cursor. No second copy of an event exists, so events and ledger cannot disagree.
 */
export interface FeedBatch {
  rows: OutboxRow[];
  /** The cursor once all of them are delivered. */
  next: number;
  /** Entries that wait behind these. */
  behind: number;
  /** Whether more are due now. */
  more: boolean;
}

/** An entry makes at most two rows. */
const ENTRIES_MAX = Math.floor(LIMITS.outboxBatchMax / 2);

/**
 * The oldest undelivered events; null when there are none, or while a failed delivery backs off. May throw `InArchive` for
 * the entry that opened a task long ago.
 */
export function dueFeed(sql: Sql, nowMs: number, bundles: Bundles = NO_BUNDLES): FeedBatch | null {
  const entries = sql
    .all<{ seq: number; body: string }>(
      `SELECT l.seq, l.body FROM tenant t JOIN ledger l ON l.seq >= t.feed_seq
       WHERE t.feed_retry_ms <= ? ORDER BY l.seq LIMIT ?`,
      nowMs,
      ENTRIES_MAX,
    )
    .map(({ seq, body }) => parseEntry(seq, body));
  const last = entries.at(-1);
  if (!last) return null;
  const near = new Map(entries.map((entry) => [entry.seq, entry]));
  const rows = entries.flatMap((entry) => {
    const opener = entry.kind === "task.opened" ? entry.seq : entry.detail.opened;
    const opened = typeof opener === "number" ? (near.get(opener) ?? readEntry(sql, opener, bundles)) : null;
    return eventsOf(entry, opened);
  });
  const next = last.seq + 1;
  return { rows, next, behind: headOf(sql).size - next, more: entries.length === ENTRIES_MAX };
}

/** Whether `dueFeed` would answer something, without reading it. */
export const feedIsDue = (sql: Sql, nowMs: number): boolean =>
  sql.get("SELECT 1 FROM tenant t JOIN ledger l ON l.seq = t.feed_seq WHERE t.feed_retry_ms <= ?", nowMs) !== undefined;

export const feedDelivered = (sql: Sql, next: number): void => {
  sql.run("UPDATE tenant SET feed_seq = max(feed_seq, ?), feed_failures = 0, feed_retry_ms = 0", next);
};

/** Doubles the wait before the next delivery, between the bounds of LIMITS. */
export function feedFailed(sql: Sql, nowMs: number): void {
  const failures = sql.get<{ n: number }>("SELECT feed_failures AS n FROM tenant")?.n ?? 0;
  const waitMs = Math.min(LIMITS.outboxRetryMsMin * 2 ** Math.min(failures, 30), LIMITS.outboxRetryMsMax);
  sql.run("UPDATE tenant SET feed_failures = feed_failures + 1, feed_retry_ms = ?", nowMs + waitMs);
}
