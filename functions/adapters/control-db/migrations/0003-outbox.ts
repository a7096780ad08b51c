import type { SchemaMigration } from "../migrate.ts";
import { isolate, OWNERSHIP, operatorReads } from "./isolation.ts";

/** Both directions: what Postgres owes to the tenant's object, and what has already arrived from it. */
export const outbox: SchemaMigration = {
  id: 3,
  name: "outbox",
  statements: [
    `create table control_outbox (${OWNERSHIP}, id bigint generated always as identity primary key,
      kind text not null, action text not null, attribution jsonb not null, detail jsonb not null,
      created_ms bigint not null, attempts integer not null default 0, next_ms bigint not null,
      delivered_ms bigint, last_error text check (length(last_error) <= 512))`,
    "create index control_outbox_due on control_outbox (tenant_id, id) include (next_ms) where delivered_ms is null",
    ...isolate("control_outbox", "select, insert, update (attempts, next_ms, delivered_ms, last_error)"),
    ...operatorReads("control_outbox", "tenant_id, id, next_ms, delivered_ms"),

    // `transaction` tells the rest of a delivery which of its events are new.
    `create table event_inbox (${OWNERSHIP}, event_id text not null, received_ms bigint not null,
      transaction text not null default pg_current_xact_id()::text, primary key (tenant_id, event_id))`,
    "create index event_inbox_by_age on event_inbox (tenant_id, received_ms)",
    ...isolate("event_inbox", "select, insert, delete"),

    `create table parked_events (${OWNERSHIP}, event_id text not null, type text not null, reason text not null,
      event jsonb not null, parked_ms bigint not null, primary key (tenant_id, event_id))`,
    ...isolate("parked_events", "select, insert"),
    ...operatorReads("parked_events", "tenant_id, event_id, type, reason, parked_ms"),
  ],
};
