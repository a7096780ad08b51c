import type { UnixMs } from "../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { OutboxRow } from "../../shared/contracts/ports/tenant-store.ts";
import type { ObjectHandle } from "./object-class.ts";
import type { Migration, Sql } from "./sql.ts";

/**
 * Events of one object, written in the deciding transaction and delivered at least once in order of `seq`. The last
 * delivered row stays, so that `seq` never repeats. Include `OUTBOX_SCHEMA` in one of the object's migrations.
 */
export const OUTBOX_SCHEMA: Migration["sql"] = [
  "CREATE TABLE _outbox (seq INTEGER PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL, at_ms INTEGER NOT NULL, data TEXT NOT NULL)",
  "CREATE TABLE _outbox_state (one INTEGER PRIMARY KEY CHECK (one = 1), delivered INTEGER NOT NULL, failures INTEGER NOT NULL, retry_ms INTEGER NOT NULL)",
  "INSERT INTO _outbox_state (one, delivered, failures, retry_ms) VALUES (1, 0, 0, 0)",
];

/** Adds an event to the running transaction and answers its `seq`. */
export function enqueue(sql: Sql, row: Omit<OutboxRow, "seq">): number {
  const added = sql.get<{ seq: number }>(
    "INSERT INTO _outbox (type, subject, at_ms, data) VALUES (?, ?, ?, ?) RETURNING seq",
    row.type,
    row.subject,
    row.at_ms,
    JSON.stringify(row.data),
  );
  if (!added) throw new Error("an insert answered no row");
  return added.seq;
}

type Stored = { seq: number; type: string; subject: string; at_ms: number; data: string };

/** The oldest undelivered rows; empty while a failed delivery backs off. */
export function due(sql: Sql, now: number, limit: number): OutboxRow[] {
  const rows = sql.all<Stored>(
    "SELECT o.seq, o.type, o.subject, o.at_ms, o.data FROM _outbox_state s JOIN _outbox o ON o.seq > s.delivered WHERE s.retry_ms <= ? ORDER BY o.seq LIMIT ?",
    now,
    limit,
  );
  return rows.map(({ seq, type, subject, at_ms, data }) => ({
    seq,
    type,
    subject,
    at_ms: at_ms as UnixMs, // safe because: written from a UnixMs by `enqueue`
    data: storedObject(data),
  }));
}

/** The receiver has everything up to `upToSeq`: forgets it and ends the backoff. */
export function delivered(sql: Sql, upToSeq: number): void {
  sql.run("UPDATE _outbox_state SET delivered = max(delivered, ?), failures = 0, retry_ms = 0", upToSeq);
  sql.run("DELETE FROM _outbox WHERE seq < (SELECT delivered FROM _outbox_state)");
}

/** Doubles the wait before the next delivery, between the bounds of LIMITS. */
export function deliveryFailed(sql: Sql, now: number): void {
  const failures = sql.get<{ failures: number }>("SELECT failures FROM _outbox_state")?.failures ?? 0;
  const wait = Math.min(LIMITS.outboxRetryMsMin * 2 ** Math.min(failures, 30), LIMITS.outboxRetryMsMax);
  sql.run("UPDATE _outbox_state SET failures = failures + 1, retry_ms = ?", now + wait);
}

/** When the next delivery should start: a little after its oldest event, so that a busy object sends batches. */
export function nextDelivery(sql: Sql): number | null {
  const row = sql.get<{ at_ms: number; retry_ms: number }>(
    "SELECT o.at_ms, s.retry_ms FROM _outbox_state s JOIN _outbox o ON o.seq > s.delivered ORDER BY o.seq LIMIT 1",
  );
  return row ? Math.max(row.at_ms + LIMITS.outboxDelayMs, row.retry_ms) : null;
}

/** Receives rows in order; resolves once they are durable elsewhere. Repeats are possible and have the same `seq`. */
export type Deliver = (source: string, rows: readonly OutboxRow[]) => Promise<void>;

/** An `effects` step: delivers until nothing is due. A failed delivery is kept as backoff in the object, then rethrown. */
export async function drainOutbox(object: ObjectHandle, deliver: Deliver): Promise<void> {
  for (;;) {
    const rows = await object.call((sql, env) => due(sql, env.now, LIMITS.outboxBatchMax));
    const last = rows?.at(-1);
    if (!rows || !last) return;
    try {
      await deliver(object.name, rows);
    } catch (cause) {
      await object.call((sql, env) => deliveryFailed(sql, env.now));
      throw cause;
    }
    // If we crash here the rows are delivered again.
    await object.call((sql) => delivered(sql, last.seq));
    if (rows.length < LIMITS.outboxBatchMax || object.ending?.()) return;
  }
}

function storedObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new Error("an outbox row holds no JSON object");
  return value;
}
