import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import type { Attribution, LedgerKind } from "../../../shared/contracts/ledger.ts";
import type { ObligationOutcome } from "../../../shared/contracts/policy/obligations.ts";
import type { RecordedDecision } from "../../../shared/contracts/ports/tenant-store.ts";
import type { RouteRecord, TaskStatus } from "../../../shared/contracts/task.ts";
import { quantityOf, type UsageRow } from "../../../shared/contracts/usage.ts";
import type { Sql } from "../../runtime/sql.ts";
import { correctTokens, readDraws } from "./buckets.ts";
import { chargeHold, dropHold } from "./budgets.ts";
import { dayOf, dayText } from "./calendar.ts";
import type { LedgerWriter } from "./ledger.ts";
import { finishTask, type TaskRow } from "./task-rows.ts";
import { TASK } from "./task-state.ts";
import { addUsage } from "./usage.ts";

/** How a task ended, whoever says so: its caller, the alarm, or a late settlement. */
export interface Ending {
  by: Attribution;
  status: TaskStatus;
  /** A code, never a message: messages of engines may quote content. */
  error: string | null;
  usage: readonly UsageRow[];
  cost_nusd: number;
  estimated: boolean;
  route: RouteRecord | null;
  result: "stored" | "none" | "too_large" | "not_run";
  call: JsonObject;
  /** How each obligation of the task ended. */
  obligations?: readonly ObligationOutcome[];
  /** What was decided after the admission. */
  decisions?: readonly RecordedDecision[];
}

const detailOf = (task: TaskRow, end: Ending): JsonObject => ({
  call: end.call,
  cost_nusd: end.cost_nusd,
  ...(end.decisions ? { decisions: end.decisions.map(({ id }): JsonValue => id) } : {}),
  error: end.error,
  estimated: end.estimated,
  ...(end.obligations
    ? { obligations: end.obligations.map(({ id, note, outcome }): JsonValue => ({ id, note, outcome })) }
    : {}),
  opened: task.seq,
  result: end.result,
  route: end.route === null ? null : routeJson(end.route),
  status: end.status,
  usage: end.usage.map(({ meter, quantity }): JsonValue => ({ meter, quantity })),
});

const routeJson = ({ chosen_by, lane, model, model_digest, provider, reasons, route }: RouteRecord): JsonObject => ({
  chosen_by,
  lane,
  model,
  model_digest,
  provider,
  reasons: reasons.map(({ candidate, outcome, reason }): JsonValue => ({ candidate, outcome, reason })),
  route,
});

/** Tokens that count against the token buckets. */
const tokensOf = (usage: readonly UsageRow[]): number =>
  quantityOf(usage, "tokens_in") + quantityOf(usage, "tokens_out") + quantityOf(usage, "tokens_cached");

/**
 * Ends an open task: the hold is released, the cost charged, the buckets corrected, the sums and the ledger written. An
 * abandoned task keeps its hold rows and its draws, because one late settlement may still correct what was charged.
 */
export function closeTask(
  sql: Sql,
  nowMs: number,
  ledger: LedgerWriter,
  task: TaskRow,
  end: Ending,
  kind: Extract<LedgerKind, "task.closed" | "task.abandoned">,
): number {
  const abandoned = kind === "task.abandoned";
  if (task.holds > 0) {
    chargeHold(sql, task.seq, task.hold_nusd, end.cost_nusd);
    if (!abandoned) dropHold(sql, task.seq);
  }
  if (!abandoned) correctTokens(sql, nowMs, readDraws(task.draws), tokensOf(end.usage));
  addUsage(sql, task, {
    day: dayOf(nowMs),
    model: task.model,
    requests: 1,
    usage: end.usage,
    cost_nusd: end.cost_nusd,
  });
  const seq = ledger.append({
    kind,
    outcome: end.status === "OK" ? "success" : "failure",
    action: task.action,
    task: task.id,
    by: end.by,
    detail: detailOf(task, end),
  });
  finish(sql, nowMs, task, end, seq, abandoned ? TASK.abandoned : TASK.settled);
  return seq;
}

/** Replaces the estimate of an abandoned task by what really happened, on the day and in the periods that were charged. */
export function correctTask(sql: Sql, nowMs: number, ledger: LedgerWriter, task: TaskRow, end: Ending): number {
  const was = sql.get<{ finished_ms: number; cost_nusd: number }>(
    "SELECT finished_ms, cost_nusd FROM task WHERE seq = ?",
    task.seq,
  );
  if (!was) throw new Error("an abandoned task's row is missing");
  const wasNusd = was.cost_nusd;
  const byNusd = end.cost_nusd - wasNusd;
  const day = dayOf(was.finished_ms);
  if (task.holds > 0) {
    chargeHold(sql, task.seq, 0, byNusd);
    dropHold(sql, task.seq);
  }
  correctTokens(sql, nowMs, readDraws(task.draws), tokensOf(end.usage));
  addUsage(sql, task, { day, model: task.model, requests: 0, usage: end.usage, cost_nusd: byNusd });
  const seq = ledger.append({
    kind: "task.corrected",
    outcome: end.status === "OK" ? "success" : "failure",
    action: task.action,
    task: task.id,
    by: end.by,
    detail: { ...detailOf(task, end), day: dayText(day), was_nusd: wasNusd },
  });
  finish(sql, nowMs, task, end, seq, TASK.corrected);
  return seq;
}

function finish(sql: Sql, nowMs: number, task: TaskRow, end: Ending, seq: number, state: number): void {
  const { cost_nusd, result } = end;
  finishTask(sql, task, { state, closed_seq: seq, finished_ms: nowMs, cost_nusd, result });
}
