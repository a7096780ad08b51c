import type { SchemaMigration } from "../migrate.ts";

const AGO = (days: number): string => `(extract(epoch from now()) * 1000)::bigint - ${days}::bigint * 86400000`;

/** Rows of `table` may be deleted once `expired` holds: for younger ones a delete finds nothing, whoever asks for it. */
const expires = (table: string, expired: string): string[] => [
  `create policy retention on ${table} as restrictive for delete to bailiwick_app using (${expired})`,
  `grant delete on ${table} to bailiwick_app`,
];

/** What has had its day may be deleted, and the database itself holds the term. Bills, keys and scopes have none. */
export const retention: SchemaMigration = {
  id: 5,
  name: "retention",
  statements: [
    "create index control_outbox_delivered on control_outbox (tenant_id, delivered_ms) where delivered_ms is not null",
    ...expires("control_outbox", `delivered_ms < ${AGO(7)}`),
    ...expires("audit_activity", "at < now() - interval '400 days'"),
    ...expires("tasks", `created_ms < ${AGO(400)}`),
    // The decision goes with its task, in one statement: the task is still visible to this.
    ...expires(
      "router_decisions",
      `exists (select from tasks t where t.tenant_id = router_decisions.tenant_id
        and t.task_id = router_decisions.task_id and t.created_ms < ${AGO(400)})`,
    ),
  ],
};
