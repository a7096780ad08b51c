import type { z } from "zod";
import type { AuditActivityV1 } from "../../../shared/contracts/events/audit-activity.ts";
import { type CloudEvent, EVENTS, type EventType, isEventType } from "../../../shared/contracts/events/envelope.ts";
import type { RouterDecisionV1 } from "../../../shared/contracts/events/router-decisions.ts";
import type { RuntimeMetricsV1 } from "../../../shared/contracts/events/runtime-metrics.ts";
import type { BillingRow, TaskLifecycleV1 } from "../../../shared/contracts/events/task-lifecycle.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Meter } from "../../../shared/contracts/usage.ts";
import type { ReadModelName } from "./read-models.ts";

/** What a batch of events means for the read models. */
export interface Projection {
  rows: Record<ReadModelName, JsonObject[]>;
  /** The newest state of the tenant that the batch tells. */
  tenant: JsonObject | null;
  parked: Unread[];
}

/** An event that this release cannot read, and why. */
export interface Unread {
  row: OutboxRow;
  reason: string;
}

interface At {
  event_seq: number;
}

const metered = (usage: BillingRow["usage"], meter: Meter): number =>
  usage.reduce((sum, row) => (row.meter === meter ? sum + row.quantity : sum), 0);

function taskRow({ task, key, ledger_seq }: TaskLifecycleV1): JsonObject {
  const { workspace, project, environment, subject, operation, intent, model, status, phase, route } = task;
  const { created_ms, finished_ms, cost_nusd, estimated, error, decision } = task;
  return {
    ...{ task_id: task.id, workspace, project, environment, key_id: key, subject, operation, intent, model },
    ...{ provider: route?.provider ?? null, engine_model: route?.model ?? null, route: route?.route ?? null },
    ...{ lane: route?.lane ?? null, status, phase, created_ms, finished_ms, cost_nusd, estimated },
    ...{ error_code: error?.code ?? null, decision_id: decision, ledger_seq, record: task },
  };
}

const billingRow = (task: string, { key, usage, ...billing }: BillingRow): JsonObject => ({
  ...billing,
  task_id: task,
  key_id: key,
  tokens_in: metered(usage, "tokens_in"),
  tokens_out: metered(usage, "tokens_out"),
  tokens_cached: metered(usage, "tokens_cached"),
  usage,
});

const auditRow = ({ request, task, decision, key: _, tenant: __, ...audit }: AuditActivityV1): JsonObject => ({
  ...audit,
  request_id: request,
  task_id: task,
  decision_id: decision,
});

const decisionRow = ({ task, route, decision, policy, snapshot, ...rest }: RouterDecisionV1): JsonObject => ({
  ...rest,
  ...{ task_id: task, route: route.route, lane: route.lane, chosen_by: route.chosen_by, provider: route.provider },
  ...{ engine_model: route.model, reasons: route.reasons, decision_id: decision, policy_digest: policy },
  snapshot_digest: snapshot,
});

const metricsRow = ({ from_ms, to_ms, metrics }: RuntimeMetricsV1): JsonObject => ({ from_ms, to_ms, metrics });

/** Each type's handler; total over the known types, so a new type cannot be forgotten. */
const PROJECT: { [T in EventType]: (into: Projection, at: At, event: z.infer<(typeof EVENTS)[T]>) => void } = {
  "bailiwick.tasks.lifecycle.v1": (into, at, event) => {
    into.rows.tasks.push({ ...taskRow(event), ...at });
    if (event.billing !== null) into.rows.usage_billing.push(billingRow(event.task.id, event.billing));
  },
  "bailiwick.audit.activity.v1": (into, at, event) => {
    into.rows.audit_activity.push({ ...auditRow(event), ...at });
    if (event.key !== null) {
      const { kid, ...key } = event.key;
      into.rows.keys.push({ ...key, key_id: kid, ...at });
    }
    if (event.tenant !== null) into.tenant = event.tenant;
  },
  "bailiwick.router.decisions.v1": (into, at, event) => {
    into.rows.router_decisions.push({ ...decisionRow(event), ...at });
  },
  "bailiwick.metrics.runtime.v1": (into, at, event) => {
    into.rows.runtime_metrics.push({ ...metricsRow(event), ...at });
  },
};

/** Sorts events, in order, into read models; what this release cannot read is parked, with the reason. */
export function projectEvents(events: readonly OutboxRow[]): Projection {
  const into: Projection = {
    rows: { tasks: [], usage_billing: [], audit_activity: [], keys: [], router_decisions: [], runtime_metrics: [] },
    tenant: null,
    parked: [],
  };
  const superseded = openedAndEnded(events);
  for (const row of events) {
    if (superseded.has(row)) continue;
    const reason = isEventType(row.type) ? projectOne(into, row, row.type) : "unknown_type";
    if (reason !== null) into.parked.push({ row, reason });
  }
  into.rows.tasks = newestOf(into.rows.tasks, "task_id");
  into.rows.keys = newestOf(into.rows.keys, "key_id");
  into.rows.router_decisions = newestOf(into.rows.router_decisions, "task_id");
  return into;
}

export const parkedRow = (event: CloudEvent, reason: string): JsonObject => ({
  event_id: event.id,
  type: event.type,
  reason: reason.slice(0, 256),
  event,
});

/** Projects one event, or answers why it cannot be read. */
function projectOne<T extends EventType>(into: Projection, row: OutboxRow, type: T): string | null {
  const parsed = EVENTS[type].safeParse(row.data);
  if (!parsed.success) {
    const where = parsed.error.issues[0];
    return `invalid_data: ${where?.path.join(".") ?? ""} ${where?.code ?? ""}`;
  }
  const data = parsed.data as z.infer<(typeof EVENTS)[T]>; // safe because: the schema of this very type parsed it
  PROJECT[type](into, { event_seq: row.seq }, data);
  return null;
}

/** Events that only say that a task began which the same batch ends: the end says everything again. */
function openedAndEnded(events: readonly OutboxRow[]): ReadonlySet<OutboxRow> {
  const opened = new Map<string, OutboxRow>();
  const superseded = new Set<OutboxRow>();
  for (const row of events) {
    if (row.type !== "bailiwick.tasks.lifecycle.v1") continue;
    const before = opened.get(row.subject);
    if (row.data.event === "opened") opened.set(row.subject, row);
    else if (before !== undefined) superseded.add(before);
  }
  return superseded;
}

/** A statement may not touch a row twice, so of each key only the last event of the batch is written. */
const newestOf = (rows: readonly JsonObject[], key: string): JsonObject[] => [
  ...new Map(rows.map((row) => [row[key], row])).values(),
];
