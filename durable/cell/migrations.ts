import { BUNDLE_SHELF_SCHEMA } from "../runtime/bundle-shelf.ts";
import { LOG_SCHEMA } from "../runtime/log/schema.ts";
import type { Migration } from "../runtime/sql.ts";
import { POOL_SCHEMA } from "./pools.ts";
import { SIGNING_KEY_SCHEMA } from "./signing-keys.ts";

export const CELL_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: [
      "CREATE TABLE activation (revision INTEGER PRIMARY KEY, digest TEXT NOT NULL, activated_ms INTEGER NOT NULL)",
      // The files of a configuration, once however often it is activated, in pieces that fit a row.
      "CREATE TABLE snapshot_chunk (digest TEXT NOT NULL, at INTEGER NOT NULL, files BLOB NOT NULL, PRIMARY KEY (digest, at))",
      "CREATE TABLE ledger (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL)",
      // One row per kind, reason and source whose repeats are being counted; `source` is '' for none.
      "CREATE TABLE event_window (kind TEXT NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, first_seq INTEGER NOT NULL, close_ms INTEGER NOT NULL, repeats INTEGER NOT NULL, PRIMARY KEY (kind, reason, source)) WITHOUT ROWID",
      "CREATE INDEX event_window_close ON event_window (close_ms)",
      "CREATE TABLE counter (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID",
      "CREATE TABLE tenant (id TEXT PRIMARY KEY, registered_ms INTEGER NOT NULL) WITHOUT ROWID",
    ],
  },
  {
    id: 2,
    floor: 1,
    sql: [
      ...BUNDLE_SHELF_SCHEMA,
      "CREATE TABLE policy_version (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL)",
    ],
  },
  {
    id: 3,
    sql: [
      "ALTER TABLE ledger ADD COLUMN at_ms INTEGER NOT NULL DEFAULT 0",
      // `2026-11-21T07:30:00.123Z`: the seconds, then the milliseconds behind the point.
      `UPDATE ledger SET at_ms = CAST(strftime('%s', json_extract(body, '$.at')) AS INTEGER) * 1000
         + CAST(substr(json_extract(body, '$.at'), 21, 3) AS INTEGER)`,
      ...LOG_SCHEMA,
    ],
  },
  { id: 4, sql: [...SIGNING_KEY_SCHEMA] },
  { id: 5, sql: [...POOL_SCHEMA] },
];
