import {
  type AuditActivityV1,
  KeyDirectoryRow,
  TenantMirror,
} from "../../../shared/contracts/events/audit-activity.ts";
import type { RouterDecisionV1 } from "../../../shared/contracts/events/router-decisions.ts";
import type { BillingRow, TaskLifecycleV1 } from "../../../shared/contracts/events/task-lifecycle.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { LedgerEntry } from "../../../shared/contracts/ledger.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { taskRecord } from "./task-record.ts";

/** Sequence numbers that one entry may use, so that an event's number is fixed by its entry. */
const ROWS_PER_ENTRY = 4;

const LIFECYCLE = {
  "task.opened": "opened",
  "task.closed": "closed",
  "task.abandoned": "abandoned",
  "task.corrected": "corrected",
} as const;

/** `opened` is the entry that opened the task of a `task.*` entry. Both are immutable, so a redelivery is identical. */
export function eventsOf(entry: LedgerEntry, opened: LedgerEntry | null): OutboxRow[] {
  const rows: { type: string; subject: string; data: object }[] = [];
  const event = Object.entries(LIFECYCLE).find(([kind]) => kind === entry.kind)?.[1];
  if (event && opened) {
    const lifecycle = lifecycleOf(event, entry, opened);
    rows.push({ type: "bailiwick.tasks.lifecycle.v1", subject: lifecycle.task.id, data: lifecycle });
    const routed = routerDecisionOf(entry, lifecycle);
    if (routed) rows.push({ type: "bailiwick.router.decisions.v1", subject: routed.task, data: routed });
  } else {
    rows.push({ type: "bailiwick.audit.activity.v1", subject: entry.kind, data: activityOf(entry) });
  }
  // safe because: entries carry the shell's clock, and every event is plain JSON of its schema
  const at_ms = Date.parse(entry.at) as UnixMs;
  return rows.map(({ type, subject, data }, at) => ({
    seq: entry.seq * ROWS_PER_ENTRY + at,
    type,
    subject,
    at_ms,
    data: data as JsonObject, // safe because: as above
  }));
}

function lifecycleOf(event: TaskLifecycleV1["event"], entry: LedgerEntry, opened: LedgerEntry): TaskLifecycleV1 {
  const task = taskRecord(opened, event === "opened" ? null : entry);
  const key = typeof opened.detail.key === "string" ? opened.detail.key : null;
  return {
    schema_version: 1,
    event,
    task,
    ledger_seq: entry.seq,
    key,
    billing: event === "opened" ? null : billingOf(event, entry, task, key),
  };
}

/** A correction bills the difference to the estimate, on the day that was charged; an abandoned task had no usage. */
function billingOf(
  event: TaskLifecycleV1["event"],
  { seq, at, detail }: LedgerEntry,
  task: TaskLifecycleV1["task"],
  key: string | null,
): BillingRow {
  const corrected = event === "corrected";
  return {
    ledger_seq: seq,
    entry: corrected ? "correction" : "charge",
    day: corrected && typeof detail.day === "string" ? detail.day : at.slice(0, 10),
    requests: corrected ? 0 : 1,
    usage: task.usage,
    cost_nusd: task.cost_nusd - (corrected && typeof detail.was_nusd === "number" ? detail.was_nusd : 0),
    estimated: task.estimated,
    workspace: task.workspace,
    project: task.project,
    environment: task.environment,
    key,
    model: task.model,
    provider: task.route?.provider ?? null,
    route: task.route?.route ?? null,
    lane: task.route?.lane ?? null,
  };
}

function routerDecisionOf(entry: LedgerEntry, { event, task }: TaskLifecycleV1): RouterDecisionV1 | null {
  if (event === "opened" || !task.route) return null;
  const { id, workspace, project, environment, intent, model, route, decision } = task;
  const { policy, snapshot } = entry;
  return {
    schema_version: 1,
    task: id,
    workspace,
    project,
    environment,
    intent,
    model,
    route,
    decision,
    policy,
    snapshot,
  };
}

function activityOf(entry: LedgerEntry): AuditActivityV1 {
  const { at, kind, outcome, action, subject, credential, workspace, project, environment, request, task, decision } =
    entry;
  const key = KeyDirectoryRow.safeParse(entry.detail.key);
  const tenant = TenantMirror.safeParse(entry.detail.tenant);
  return {
    schema_version: 1,
    ledger_seq: entry.seq,
    at,
    kind,
    outcome,
    action,
    subject,
    credential,
    workspace,
    project,
    environment,
    request,
    task,
    decision,
    detail: entry.detail,
    key: kind.startsWith("key.") && key.success ? key.data : null,
    tenant: kind.startsWith("tenant.") && tenant.success ? tenant.data : null,
  };
}
