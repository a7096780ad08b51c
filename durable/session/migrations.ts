import type { Migration } from "../runtime/sql.ts";
import { TIMERS_SCHEMA } from "../runtime/timers.ts";

export const SESSION_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: [
      ...TIMERS_SCHEMA,
      // `items` and `bytes` are what the bounds are held against: items and responses, and their sealed bytes.
      "CREATE TABLE session (one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, version INTEGER NOT NULL, meta BLOB, items INTEGER NOT NULL, bytes INTEGER NOT NULL)",
      // `listed`: stands in the conversation. `response`: belongs to a stored response as its `role`.
      "CREATE TABLE item (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL, sealed BLOB NOT NULL, listed INTEGER NOT NULL, response TEXT, role TEXT)",
      "CREATE UNIQUE INDEX item_listed ON item (id) WHERE listed = 1",
      "CREATE INDEX item_order ON item (seq) WHERE listed = 1",
      "CREATE INDEX item_response ON item (response, seq) WHERE response IS NOT NULL",
      // A deleted or expired response keeps its row without content, so that chains through it hold.
      "CREATE TABLE response (id TEXT PRIMARY KEY, parent TEXT, gone INTEGER NOT NULL, bytes INTEGER NOT NULL) WITHOUT ROWID",
      "CREATE TABLE response_chunk (response TEXT NOT NULL, at INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (response, at))",
    ],
  },
  {
    id: 2,
    sql: [
      // A session from before has no key of its own and names no subject's: it is not found any more, and expires.
      "ALTER TABLE session ADD COLUMN subject_key TEXT NOT NULL DEFAULT ''",
      "ALTER TABLE session ADD COLUMN wrapped_key BLOB NOT NULL DEFAULT x''",
      "ALTER TABLE session ADD COLUMN conversation INTEGER NOT NULL DEFAULT 1",
      // What an erasure was. `object`: the response whose end was the session's, or null.
      "CREATE TABLE erased (one INTEGER PRIMARY KEY CHECK (one = 1), object TEXT, at_ms INTEGER NOT NULL, key TEXT NOT NULL, items INTEGER NOT NULL, bytes INTEGER NOT NULL)",
      // The same of a response whose session goes on.
      "ALTER TABLE response ADD COLUMN erased_ms INTEGER",
      "ALTER TABLE response ADD COLUMN erased_items INTEGER NOT NULL DEFAULT 0",
      "ALTER TABLE response ADD COLUMN erased_bytes INTEGER NOT NULL DEFAULT 0",
    ],
  },
];
