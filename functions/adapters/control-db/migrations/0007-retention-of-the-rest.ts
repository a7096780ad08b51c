import type { SchemaMigration } from "../migrate.ts";

const AGO = (days: number): string => `(extract(epoch from now()) * 1000)::bigint - ${days}::bigint * 86400000`;
const expires = (table: string, expired: string): string[] => [
  `create policy retention on ${table} as restrictive for delete to bailiwick_app using (${expired})`,
  `grant delete on ${table} to bailiwick_app`,
];

/**
 * Terms of what migration 5 left without one: metrics, events that no release could read, and decisions whose task was
 * never here. `projected_ms` is the database's own time of writing; rows from before have that of this migration.
 */
export const retentionOfTheRest: SchemaMigration = {
  id: 7,
  name: "retention-of-the-rest",
  statements: [
    ...expires("runtime_metrics", `to_ms < ${AGO(400)}`),
    "create index parked_events_by_age on parked_events (tenant_id, parked_ms)",
    ...expires("parked_events", `parked_ms < ${AGO(400)}`),
    `alter table router_decisions add column projected_ms bigint not null
      default (extract(epoch from now()) * 1000)::bigint`,
    "create index router_decisions_by_age on router_decisions (tenant_id, projected_ms)",
    "drop policy retention on router_decisions",
    `create policy retention on router_decisions as restrictive for delete to bailiwick_app using (
      exists (select from tasks t where t.tenant_id = router_decisions.tenant_id
        and t.task_id = router_decisions.task_id and t.created_ms < ${AGO(400)})
      or (projected_ms < ${AGO(400)} and not exists (select from tasks t
        where t.tenant_id = router_decisions.tenant_id and t.task_id = router_decisions.task_id)))`,
  ],
};
