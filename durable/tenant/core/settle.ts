import { LIMITS } from "../../../shared/contracts/limits.ts";
import { NANO_USD_MAX } from "../../../shared/contracts/money.ts";
import type {
  RecordedDecision,
  Settled,
  SettleOutcome,
  SettleRefusal,
  SettleRequest,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { closeTask, correctTask, type Ending } from "./close.ts";
import { boundedOutcomes, settleDecision } from "./decisions.ts";
import { forgetKey } from "./idempotency.ts";
import { ledgerWriter } from "./ledger.ts";
import { isFrozen } from "./move-state.ts";
import { readTask } from "./task-rows.ts";
import { TASK } from "./task-state.ts";

/**
 * Each request is settled on its own, in order; see `settleOne`. At most 64. Suspension and lock never stop a settlement; a
 * tenant that is copied on its way to another cell has none open, and takes no correction.
 */
export function settle(sql: Sql, env: CoreEnv, requests: readonly SettleRequest[]): SettleOutcome[] {
  if (requests.length > LIMITS.admitArrayMax) throw new RangeError("more requests than one settle may carry");
  return requests.map((request) => settleOne(sql, env.now, request));
}

/**
 * One transaction: hold, charge, buckets, sums, *closed* record, task. A second settlement answers `already_settled`; the
 * first one after the alarm closed the task is a correction. If we crash before it commits, the caller was told nothing
 * and may send it again.
 */
function settleOne(sql: Sql, nowMs: number, request: SettleRequest): SettleOutcome {
  check(request);
  return sql.transaction((): Result<Settled, SettleRefusal> => {
    const task = readTask(sql, request.task);
    if (!task) return err({ reason: "unknown_task" });
    // Its alarm ended it before the tenant was frozen: the estimate stands while no entry is taken.
    if (task.state === TASK.abandoned && isFrozen(sql)) return err({ reason: "already_settled" });
    const ledger = ledgerWriter(sql, nowMs);
    const end = endingOf(request);
    if (task.state === TASK.open || task.state === TASK.abandoned)
      settleDecision(sql, request.by.decision, end.obligations, end.decisions);
    if (task.state === TASK.abandoned)
      return ok({ ledger_seq: correctTask(sql, nowMs, ledger, task, end), corrected: true });
    if (task.state !== TASK.open) return err({ reason: "already_settled" });
    const seq = closeTask(sql, nowMs, ledger, task, end, "task.closed");
    // Execution never began, so the key is free for another try.
    if (request.result === "not_run") forgetKey(sql, task.seq);
    return ok({ ledger_seq: seq, corrected: false });
  });
}

const CODE = /^[\w.:-]{1,64}$/;

const endingOf = (request: SettleRequest): Ending => ({
  by: request.by,
  status: request.status,
  error: request.error === null ? null : CODE.test(request.error.code) ? request.error.code : "error",
  usage: request.usage,
  cost_nusd: request.cost_nusd,
  estimated: request.estimated,
  route: request.route,
  result: request.result,
  call: request.detail,
  ...(request.obligations ? { obligations: boundedOutcomes(request.obligations) } : {}),
  ...(request.decisions ? { decisions: keepable(request.decisions) } : {}),
});

/** A settlement is never lost to what is told beside it: what would not fit the ring is left out. */
const keepable = (decisions: readonly RecordedDecision[]): RecordedDecision[] =>
  decisions.filter(({ record }) => record.length <= LIMITS.decisionRecordBytesMax).slice(0, LIMITS.decisionsPerTaskMax);

/** What the edge must never send: a bug there, not an outcome. The alarm then charges the hold. */
function check({ schema_version, cost_nusd, usage }: SettleRequest): void {
  if (schema_version !== 1) throw new RangeError("unsupported settle version");
  if (!Number.isSafeInteger(cost_nusd) || cost_nusd < 0 || cost_nusd > NANO_USD_MAX)
    throw new RangeError("cost out of range");
  for (const { quantity } of usage)
    if (!Number.isSafeInteger(quantity) || quantity < 0) throw new RangeError("usage out of range");
}
