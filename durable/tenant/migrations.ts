import { BUNDLE_SHELF_SCHEMA } from "../runtime/bundle-shelf.ts";
import { LOG_SCHEMA } from "../runtime/log/schema.ts";
import type { Migration } from "../runtime/sql.ts";
import { APPROVAL_SCHEMA } from "./core/approvals.ts";
import { BEGUN_SCHEMA } from "./core/begun.ts";
import { DECISION_RING_SCHEMA } from "./core/decisions.ts";
import { ERASURE_SCHEMA } from "./core/erasures.ts";
import { EXPORT_SCHEMA } from "./core/export-parts.ts";
import { KEPT_SESSION_SCHEMA } from "./core/kept-sessions.ts";
import { MOVE_FLOOR, MOVE_MIGRATION, MOVE_SCHEMA } from "./core/move-state.ts";
import { OPERATOR_GRANT_SCHEMA } from "./core/operator-grants.ts";
import { PIN_FLOOR, PIN_MIGRATION, PIN_SCHEMA } from "./core/pins.ts";
import { POLICY_KEY_SCHEMA } from "./core/policy-keys.ts";
import { SUBJECT_KEY_SCHEMA } from "./core/subject-keys.ts";
import { TASK_ENTRIES_SCHEMA } from "./core/task-entries.ts";
import { KEY_MAKERS_SCHEMA } from "./key-makers.ts";

/**
 * Tables of one tenant. The ledger is the only large one: a task row holds what later steps compare or sum, and points at
 * its entries for the rest. `task.seq` is the ledger sequence of the entry that opened it.
 */
export const TENANT_MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    sql: [
      `CREATE TABLE tenant (
        one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, name TEXT NOT NULL, privacy TEXT NOT NULL,
        content TEXT NOT NULL, transit TEXT NOT NULL, suspended INTEGER NOT NULL, locked INTEGER NOT NULL,
        created_ms INTEGER NOT NULL, state_version INTEGER NOT NULL, policy_version INTEGER NOT NULL,
        data_key TEXT NOT NULL, budgets INTEGER NOT NULL, feed_seq INTEGER NOT NULL, feed_failures INTEGER NOT NULL,
        feed_retry_ms INTEGER NOT NULL, upkeep_ms INTEGER NOT NULL, upkeep_seq INTEGER NOT NULL
      )`,
      "CREATE TABLE ledger (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL)",
      `CREATE TABLE api_key (
        kid TEXT PRIMARY KEY, created_seq INTEGER NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL,
        workspace TEXT NOT NULL, project TEXT NOT NULL, environment TEXT NOT NULL, subject TEXT NOT NULL,
        kind TEXT NOT NULL, roles TEXT NOT NULL, granted TEXT NOT NULL, cell_operator INTEGER NOT NULL,
        created_ms INTEGER NOT NULL, expires_ms INTEGER, revoked_ms INTEGER, rotated_to TEXT,
        version INTEGER NOT NULL, last_used_ms INTEGER
      ) WITHOUT ROWID`,
      // Members that are null match everything.
      `CREATE TABLE budget (
        id TEXT PRIMARY KEY, workspace TEXT, project TEXT, environment TEXT, kid TEXT, period TEXT NOT NULL,
        limit_nusd INTEGER NOT NULL, hard INTEGER NOT NULL, version INTEGER NOT NULL, created_ms INTEGER NOT NULL
      ) WITHOUT ROWID`,
      // `span` names one period of one budget; a call is charged to the period in which it was admitted.
      `CREATE TABLE budget_span (
        budget TEXT NOT NULL, span INTEGER NOT NULL, spent_nusd INTEGER NOT NULL, held_nusd INTEGER NOT NULL,
        PRIMARY KEY (budget, span)
      ) WITHOUT ROWID`,
      "CREATE TABLE hold (task INTEGER NOT NULL, budget TEXT NOT NULL, span INTEGER NOT NULL, PRIMARY KEY (task, budget)) WITHOUT ROWID",
      // The idempotency key lives in its task's row: 32 bytes there and about 24 in the index that finds it.
      `CREATE TABLE task (
        seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, admitted_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL, hold_nusd INTEGER NOT NULL, holds INTEGER NOT NULL, draws TEXT,
        operation TEXT NOT NULL, action TEXT NOT NULL, intent TEXT, model TEXT, workspace TEXT NOT NULL,
        project TEXT NOT NULL, environment TEXT NOT NULL, kid TEXT, key_hash BLOB, fingerprint BLOB,
        closed_seq INTEGER, finished_ms INTEGER, cost_nusd INTEGER, result TEXT
      )`,
      "CREATE UNIQUE INDEX task_by_key ON task (key_hash) WHERE key_hash IS NOT NULL",
      "CREATE INDEX task_by_due ON task (due_ms) WHERE state = 0",
      // `full_ms` is when the bucket is full again; a bucket that is full has no row.
      "CREATE TABLE bucket (id TEXT PRIMARY KEY, full_ms REAL NOT NULL) WITHOUT ROWID",
      `CREATE TABLE usage (
        day INTEGER NOT NULL, model TEXT NOT NULL, workspace TEXT NOT NULL, project TEXT NOT NULL,
        environment TEXT NOT NULL, kid TEXT NOT NULL, requests INTEGER NOT NULL, tokens_in INTEGER NOT NULL,
        tokens_out INTEGER NOT NULL, tokens_cached INTEGER NOT NULL, seconds INTEGER NOT NULL,
        images INTEGER NOT NULL, points INTEGER NOT NULL, steps INTEGER NOT NULL, cost_nusd INTEGER NOT NULL,
        PRIMARY KEY (day, model, workspace, project, environment, kid)
      ) WITHOUT ROWID`,
      `CREATE TABLE credential (
        ref TEXT PRIMARY KEY, provider TEXT NOT NULL, name TEXT NOT NULL, sealed TEXT NOT NULL, created_ms INTEGER NOT NULL
      ) WITHOUT ROWID`,
      // Windows in which repeats of one entry are counted in place of being written again.
      `CREATE TABLE coalesced (
        kind TEXT NOT NULL, credential TEXT NOT NULL, subject TEXT NOT NULL, action TEXT NOT NULL, reason TEXT NOT NULL,
        first_seq INTEGER NOT NULL, close_ms INTEGER NOT NULL, repeats INTEGER NOT NULL,
        PRIMARY KEY (kind, credential, subject, action, reason)
      ) WITHOUT ROWID`,
      "CREATE INDEX coalesced_by_close ON coalesced (close_ms)",
      "CREATE TABLE recorded (dedupe TEXT PRIMARY KEY, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL) WITHOUT ROWID",
    ],
  },
  { id: 2, floor: 1, sql: BUNDLE_SHELF_SCHEMA },
  { id: 3, floor: 1, sql: DECISION_RING_SCHEMA },
  { id: 4, floor: 1, sql: APPROVAL_SCHEMA },
  { id: 5, floor: 1, sql: KEY_MAKERS_SCHEMA },
  { id: 6, sql: [...LOG_SCHEMA, ...TASK_ENTRIES_SCHEMA] },
  { id: 7, floor: 6, sql: POLICY_KEY_SCHEMA },
  { id: 8, floor: 6, sql: [...SUBJECT_KEY_SCHEMA, ...ERASURE_SCHEMA] },
  { id: MOVE_MIGRATION, floor: MOVE_FLOOR, sql: MOVE_SCHEMA },
  { id: PIN_MIGRATION, floor: PIN_FLOOR, sql: PIN_SCHEMA },
  { id: 11, floor: 6, sql: [...KEPT_SESSION_SCHEMA, ...EXPORT_SCHEMA] },
  { id: 12, floor: 6, sql: BEGUN_SCHEMA },
  { id: 13, floor: 6, sql: OPERATOR_GRANT_SCHEMA },
];
