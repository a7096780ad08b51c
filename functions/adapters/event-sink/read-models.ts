import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Statement } from "../../../shared/contracts/ports/control-db.ts";

/** A read model: its columns with their SQL types, its key inside the tenant, and how a second row for a key is taken. */
interface ReadModel {
  columns: Record<string, string>;
  key: string;
  /** `newest`: the row of the latest event stands. `first`: rows never change. */
  keeps: "newest" | "first";
}

const scopes = { workspace: "text", project: "text", environment: "text" };
const seq = { event_seq: "bigint" };

/** Names and types are constants: only the JSON parameter ever comes from an event. */
export const READ_MODELS = {
  tasks: {
    key: "task_id",
    keeps: "newest",
    columns: {
      ...{
        task_id: "text",
        ...scopes,
        key_id: "text",
        subject: "text",
        operation: "text",
        intent: "text",
        model: "text",
      },
      ...{ provider: "text", engine_model: "text", route: "text", lane: "text", status: "text", phase: "text" },
      ...{ created_ms: "bigint", finished_ms: "bigint", cost_nusd: "bigint", estimated: "boolean", error_code: "text" },
      ...{ decision_id: "text", ledger_seq: "bigint", ...seq, record: "jsonb" },
    },
  },
  usage_billing: {
    key: "ledger_seq",
    keeps: "first",
    columns: {
      ...{
        ledger_seq: "bigint",
        task_id: "text",
        entry: "text",
        day: "date",
        ...scopes,
        key_id: "text",
        model: "text",
      },
      ...{
        provider: "text",
        route: "text",
        lane: "text",
        estimated: "boolean",
        requests: "integer",
        tokens_in: "bigint",
      },
      ...{ tokens_out: "bigint", tokens_cached: "bigint", cost_nusd: "bigint", usage: "jsonb" },
    },
  },
  audit_activity: {
    key: "event_seq",
    keeps: "first",
    columns: {
      ...{ ledger_seq: "bigint", at: "timestamptz", kind: "text", outcome: "text", action: "text", subject: "text" },
      ...{
        credential: "text",
        ...scopes,
        request_id: "text",
        task_id: "text",
        decision_id: "text",
        detail: "jsonb",
        ...seq,
      },
    },
  },
  keys: {
    key: "key_id",
    keeps: "newest",
    columns: {
      ...{ key_id: "text", name: "text", ...scopes, subject: "text", kind: "text", roles: "jsonb", granted: "jsonb" },
      ...{
        created_ms: "bigint",
        expires_ms: "bigint",
        revoked_ms: "bigint",
        rotated_to: "text",
        version: "bigint",
        ...seq,
      },
    },
  },
  router_decisions: {
    key: "task_id",
    keeps: "newest",
    columns: {
      ...{ task_id: "text", ...scopes, intent: "text", model: "text", route: "text", lane: "text", chosen_by: "text" },
      ...{ provider: "text", engine_model: "text", reasons: "jsonb", decision_id: "text", policy_digest: "text" },
      ...{ snapshot_digest: "text", ...seq },
    },
  },
  runtime_metrics: {
    key: "event_seq",
    keeps: "first",
    columns: { ...seq, from_ms: "bigint", to_ms: "bigint", metrics: "jsonb" },
  },
} satisfies Record<string, ReadModel>;
export type ReadModelName = keyof typeof READ_MODELS;

/** Writes rows; a row that is there already, or a newer one, stays. Where the newest stands, keys of one call differ. */
export function project(name: ReadModelName, rows: readonly JsonObject[]): Statement {
  const model: ReadModel = READ_MODELS[name];
  const columns = Object.keys(model.columns);
  const types = Object.entries(model.columns).map(([column, type]) => `${column} ${type}`);
  const set = columns.filter((column) => column !== model.key).map((column) => `${column} = excluded.${column}`);
  const conflict =
    model.keeps === "newest"
      ? `do update set ${set.join(", ")} where ${name}.event_seq < excluded.event_seq`
      : "do nothing";
  return {
    text: `insert into ${name} (${columns.join(", ")}) select ${columns.map((column) => `r.${column}`).join(", ")}
      from jsonb_to_recordset($1::jsonb) as r(${types.join(", ")})
      on conflict (tenant_id, ${model.key}) ${conflict}`,
    params: [[...rows]],
  };
}

export const park = (rows: readonly JsonObject[], nowMs: number): Statement => ({
  text: `insert into parked_events (event_id, type, reason, event, parked_ms)
    select r.event_id, r.type, r.reason, r.event, $2::bigint
    from jsonb_to_recordset($1::jsonb) as r(event_id text, type text, reason text, event jsonb) on conflict do nothing`,
  params: [[...rows], nowMs],
});

/** The tenant's row and its default scopes, where the direct write did not happen; only ever moves forward. */
export const mirrorTenant = (tenant: JsonObject, nowMs: number): Statement[] => [
  {
    text: `insert into tenants (name, created_ms, updated_ms, version, privacy, content, transit, suspended, locked)
      select r.name, r.created_ms, $2::bigint, r.version, r.privacy, r.content, r.transit, r.suspended, r.locked
      from jsonb_to_record($1::jsonb) as r(name text, created_ms bigint, version bigint, privacy text, content text,
        transit text, suspended boolean, locked boolean)
      on conflict (tenant_id) do update set name = excluded.name, updated_ms = excluded.updated_ms,
        version = excluded.version, privacy = excluded.privacy, content = excluded.content, transit = excluded.transit,
        suspended = excluded.suspended, locked = excluded.locked
      where tenants.version < excluded.version`,
    params: [tenant, nowMs],
  },
  { text: "select seed_default_scopes($1::bigint)", params: [nowMs] },
];
