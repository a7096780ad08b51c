import type { Migration } from "../runtime/sql.ts";
import { TIMERS_SCHEMA } from "../runtime/timers.ts";

export const BATCH_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: [
      ...TIMERS_SCHEMA,
      // `state`: `pending` until its content is whole, `kept`, then `gone` until its content was removed.
      "CREATE TABLE file (id TEXT PRIMARY KEY, state TEXT NOT NULL, workspace TEXT NOT NULL, purpose TEXT NOT NULL, bytes INTEGER NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER) WITHOUT ROWID",
      `CREATE TABLE batch (
        id TEXT PRIMARY KEY, workspace TEXT NOT NULL, endpoint TEXT NOT NULL, input_file TEXT NOT NULL, output_file TEXT NOT NULL,
        error_file TEXT NOT NULL, sealed BLOB NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
        output_life_ms INTEGER, status TEXT NOT NULL, times TEXT NOT NULL, model TEXT,
        total INTEGER NOT NULL, completed INTEGER NOT NULL, failed INTEGER NOT NULL, usage TEXT NOT NULL,
        has_output INTEGER NOT NULL, has_errors INTEGER NOT NULL,
        fence INTEGER NOT NULL, life_ms INTEGER NOT NULL, lease_until_ms INTEGER NOT NULL,
        place_offset INTEGER NOT NULL, place_line INTEGER NOT NULL, drained INTEGER NOT NULL,
        output_parts INTEGER NOT NULL, error_parts INTEGER NOT NULL
      ) WITHOUT ROWID`,
      "CREATE INDEX batch_status ON batch (status)",
      // Lines that are outside, no others.
      "CREATE TABLE line (batch TEXT NOT NULL, line INTEGER NOT NULL, at INTEGER NOT NULL, length INTEGER NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (batch, line)) WITHOUT ROWID",
      "CREATE TABLE bad_line (batch TEXT NOT NULL, seq INTEGER NOT NULL, code TEXT NOT NULL, line INTEGER, message TEXT NOT NULL, param TEXT, PRIMARY KEY (batch, seq)) WITHOUT ROWID",
      // Only while its batch is validated.
      "CREATE TABLE custom_id (batch TEXT NOT NULL, hash TEXT NOT NULL, line INTEGER NOT NULL, PRIMARY KEY (batch, hash)) WITHOUT ROWID",
    ],
  },
  {
    id: 2,
    sql: [
      // Under which fence each part was written: `settled`, or perhaps left by a runner that lost the batch.
      "CREATE TABLE part (batch TEXT NOT NULL, kind TEXT NOT NULL, part INTEGER NOT NULL, fence INTEGER NOT NULL, settled INTEGER NOT NULL, PRIMARY KEY (batch, kind, part, fence)) WITHOUT ROWID",
    ],
  },
];
