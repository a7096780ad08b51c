import type { Migration } from "../runtime/sql.ts";
import { TIMERS_SCHEMA } from "../runtime/timers.ts";
import { CALLBACK_SCHEMA } from "./callback.ts";
import { DETACHED_SCHEMA, HOLDER_SCHEMA, LETTER_SCHEMA, SESSION_SCHEMA } from "./detached.ts";
import { RUN_SCHEMA } from "./run.ts";

export const TASK_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: [
      ...TIMERS_SCHEMA,
      "CREATE TABLE result (one INTEGER PRIMARY KEY CHECK (one = 1), status INTEGER NOT NULL, content_type TEXT NOT NULL, stream INTEGER NOT NULL, expires_ms INTEGER NOT NULL, bytes INTEGER NOT NULL)",
      "CREATE TABLE result_chunk (at INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
    ],
  },
  { id: 2, floor: 1, sql: RUN_SCHEMA },
  { id: 3, floor: 1, sql: DETACHED_SCHEMA },
  { id: 4, floor: 1, sql: CALLBACK_SCHEMA },
  { id: 5, floor: 1, sql: HOLDER_SCHEMA },
  { id: 6, floor: 1, sql: LETTER_SCHEMA },
  { id: 7, floor: 1, sql: SESSION_SCHEMA },
];
