import type { SchemaMigration } from "../migrate.ts";
import { EXACT, isolate, OWNERSHIP } from "./isolation.ts";

const SCOPES = "workspace text not null, project text not null, environment text not null";
/** Outbox sequence number of the event that the row shows; an older event never overwrites it. */
const EVENT_SEQ = "event_seq bigint not null";

/** Read models of what tenants' objects decided; never the authority, and rebuilt from events alone. */
export const readModels: SchemaMigration = {
  id: 4,
  name: "read-models",
  statements: [
    `create table tasks (${OWNERSHIP}, task_id text not null, ${SCOPES}, key_id text, subject text not null,
      operation text not null, intent text, model text, provider text, engine_model text, route text, lane text,
      status text, phase text not null, created_ms bigint not null, finished_ms bigint,
      cost_nusd bigint not null ${EXACT("cost_nusd")}, estimated boolean not null, error_code text, decision_id text,
      ledger_seq bigint not null, ${EVENT_SEQ}, record jsonb not null, primary key (tenant_id, task_id))`,
    "create index tasks_by_creation on tasks (tenant_id, created_ms, task_id)",
    ...isolate("tasks", "select, insert, update"),

    // Append only: a correction is one more row, so the bill of the past never changes.
    `create table usage_billing (${OWNERSHIP}, ledger_seq bigint not null, task_id text not null,
      entry text not null check (entry in ('charge', 'correction')), day date not null, ${SCOPES}, key_id text,
      model text, provider text, route text, lane text, estimated boolean not null,
      requests integer not null check (requests in (0, 1)),
      tokens_in bigint not null, tokens_out bigint not null, tokens_cached bigint not null,
      cost_nusd bigint not null ${EXACT("cost_nusd")}, usage jsonb not null, primary key (tenant_id, ledger_seq))`,
    "create index usage_billing_by_day on usage_billing (tenant_id, day)",
    ...isolate("usage_billing", "select, insert"),

    `create table audit_activity (${OWNERSHIP}, ledger_seq bigint not null, at timestamptz not null, kind text not null,
      outcome text not null, action text not null, subject text not null, credential text not null, ${SCOPES},
      request_id text not null, task_id text, decision_id text, detail jsonb not null, ${EVENT_SEQ},
      primary key (tenant_id, event_seq))`,
    "create index audit_activity_by_ledger on audit_activity (tenant_id, ledger_seq)",
    ...isolate("audit_activity", "select, insert"),

    `create table keys (${OWNERSHIP}, key_id text not null, name text not null, ${SCOPES}, subject text not null,
      kind text not null, roles jsonb not null, granted jsonb not null, created_ms bigint not null, expires_ms bigint,
      revoked_ms bigint, rotated_to text, version bigint not null, ${EVENT_SEQ}, primary key (tenant_id, key_id))`,
    ...isolate("keys", "select, insert, update"),

    `create table router_decisions (${OWNERSHIP}, task_id text not null, ${SCOPES}, intent text, model text,
      route text not null, lane text not null, chosen_by text not null, provider text, engine_model text,
      reasons jsonb not null, decision_id text, policy_digest text, snapshot_digest text not null, ${EVENT_SEQ},
      primary key (tenant_id, task_id))`,
    ...isolate("router_decisions", "select, insert, update"),

    `create table runtime_metrics (${OWNERSHIP}, ${EVENT_SEQ}, from_ms bigint not null, to_ms bigint not null,
      metrics jsonb not null, primary key (tenant_id, event_seq))`,
    ...isolate("runtime_metrics", "select, insert"),
  ],
};
