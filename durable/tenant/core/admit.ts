import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { NANO_USD_MAX } from "../../../shared/contracts/money.ts";
import type {
  AdmitOutcome,
  AdmitRefusal,
  AdmitRequest,
  Admitted,
  RateState,
  Replay,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result, unreachable } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, type Gate, readGate } from "./access.ts";
import { draw, peek, writeDraws } from "./buckets.ts";
import { type Hold, planHold } from "./budgets.ts";
import { noteRepeatable } from "./coalesce.ts";
import { checkDecision, keepDecision, keepOnce } from "./decisions.ts";
import { type ClaimBytes, claimBytes, keyVerdict } from "./idempotency.ts";
import { checkKept, keepListed } from "./kept-sessions.ts";
import { LedgerWriter } from "./ledger.ts";
import { checkWanted, conversationKey, erasedBehind } from "./subject-keys.ts";
import { insertTask } from "./task-rows.ts";
import { TASK } from "./task-state.ts";

/** A key's last use is written at most this often: one row write a minute, not one a call. */
const LAST_USED_STEP_MS = 60_000;

type FirstTime = { seq: number; state: number; admitted_ms: number };
const FIRST_TIME = "SELECT seq, state, admitted_ms FROM task WHERE id = ?";

/** Each request is admitted or refused on its own, in order; see `admitOne`. At most 64. */
export function admit(sql: Sql, env: CoreEnv, requests: readonly AdmitRequest[]): AdmitOutcome[] {
  if (requests.length > LIMITS.admitArrayMax) throw new RangeError("more requests than one admit may carry");
  return requests.map((request) => admitOne(sql, env.now, request));
}

/**
 * One transaction: versions, suspension, lock, key, rates, budgets, then the *opened* record with all that it holds. A
 * refusal undoes everything; the second step leaves its coalesced entry. If we crash between the two, the call was
 * never answered and nothing of it remains. Idempotent by task id.
 */
function admitOne(sql: Sql, nowMs: number, request: AdmitRequest): AdmitOutcome {
  check(request);
  let known = false;
  const outcome = sql.transaction((): Result<Admitted | Replay, AdmitRefusal> => {
    const gate = readGate(sql, request.access.kid);
    known = gate.key_version !== null;
    return decide(sql, nowMs, request, gate);
  });
  if (!outcome.ok) noteRefusal(sql, nowMs, request, outcome.error, known);
  else if (outcome.value.kind === "replay") noteReplay(sql, nowMs, request, outcome.value);
  return outcome;
}

function decide(sql: Sql, nowMs: number, request: AdmitRequest, gate: Gate): Result<Admitted | Replay, AdmitRefusal> {
  const refused = accessRefusal(gate, nowMs, request.access);
  if (refused) return err(refused);
  if (gate.halted) return err({ reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs });
  if (gate.suspended) return err({ reason: "suspended" });
  if (gate.locked) return err({ reason: "locked" });
  const first = sql.get<FirstTime>(FIRST_TIME, request.task);
  if (first) return repeated(sql, nowMs, request, gate, first);

  const claim = request.idempotency ? claimBytes(request.idempotency) : null;
  if (claim) {
    const verdict = keyVerdict(sql, nowMs, claim);
    if (verdict.kind === "refused") return err(verdict.refusal);
    if (verdict.kind === "replay") return ok({ kind: "replay", task: verdict.task, data_key: gate.data_key });
  }

  const drawn = draw(sql, nowMs, request.rates, request.tokens);
  if (!drawn.ok) return err({ reason: "rate_limited", state: drawn.state, retry_after_ms: drawn.retry_after_ms });
  const hold = gate.budgets > 0 ? planHold(sql, nowMs, chargedTo(request), request.hold_nusd) : null;
  if (hold && !hold.ok)
    return err({ reason: "budget_exhausted", budget: hold.budget, retry_after_ms: hold.retry_after_ms });

  drawn.write();
  const seq = open(sql, nowMs, request, gate, claim, hold?.count ?? 0, writeDraws(drawn.tokens));
  hold?.write(seq);
  if (request.decision) keepDecision(sql, request.decision);
  return ok({ ...admitted(nowMs, seq, drawn.states, hold, gate), ...contentOf(sql, nowMs, request, 1) });
}

/** The ledger's *opened* entry and the task's row, which shares its sequence number. */
function open(
  sql: Sql,
  nowMs: number,
  request: AdmitRequest,
  gate: Gate,
  claim: ClaimBytes | null,
  holds: number,
  draws: string | null,
): number {
  const { action, by, deadline, hold_nusd, intent, model, operation, task, tokens } = request;
  const { kid } = request.access;
  const seq = new LedgerWriter(sql, gate.tenant, nowMs).append({
    kind: "task.opened",
    outcome: "pending",
    action,
    task,
    by,
    detail: {
      call: request.detail,
      deadline_ms: deadline,
      hold_nusd,
      intent,
      key: kid,
      keyed: claim !== null,
      model,
      operation,
      tokens,
    },
  });
  const { workspace, project, environment } = by;
  insertTask(
    sql,
    { seq, id: task, state: TASK.open, hold_nusd, holds, draws, action, model, workspace, project, environment, kid },
    {
      admitted_ms: nowMs,
      due_ms: Math.min(Math.max(deadline, nowMs), nowMs + LIMITS.taskRowMsMax) + LIMITS.abandonGraceMs,
      operation,
      intent,
      claim,
    },
  );
  if (kid !== null && nowMs - (gate.last_used_ms ?? 0) >= LAST_USED_STEP_MS)
    sql.run("UPDATE api_key SET last_used_ms = ? WHERE kid = ?", nowMs, kid);
  return seq;
}

/**
 * The first outcome again while the task is open; a task that has ended never runs again under its id. What a later run
 * of it was decided by is kept beside the first decision: the entry that closes the task names it.
 */
function repeated(sql: Sql, nowMs: number, request: AdmitRequest, gate: Gate, first: FirstTime): AdmitOutcome {
  if (first.state !== TASK.open) return err({ reason: "outcome_unknown", task: request.task });
  const { subject_key: wanted } = request;
  if (wanted !== undefined && erasedBehind(sql, wanted.subject, first.seq)) return err({ reason: "erased" });
  if (request.decision) keepOnce(sql, request.decision);
  // Nothing is held again; only what the caller is told about its budgets is looked up.
  const hold = gate.budgets > 0 ? planHold(sql, nowMs, chargedTo(request), 0) : null;
  const again = admitted(first.admitted_ms, first.seq, peek(sql, nowMs, request.rates), hold, gate);
  return ok({ ...again, ...contentOf(sql, nowMs, request, 0) });
}

const contentOf = (
  sql: Sql,
  nowMs: number,
  { subject_key, kept }: AdmitRequest,
  begun: 0 | 1,
): Pick<Admitted, "subject_key"> => {
  if (kept !== undefined) keepListed(sql, nowMs, kept);
  return subject_key === undefined ? {} : { subject_key: conversationKey(sql, nowMs, subject_key, begun) };
};

const chargedTo = ({ by: { workspace, project, environment }, access: { kid } }: AdmitRequest) => ({
  workspace,
  project,
  environment,
  kid,
});

const admitted = (admittedMs: number, seq: number, rates: RateState[], hold: Hold | null, gate: Gate): Admitted => ({
  kind: "admitted",
  admitted_ms: admittedMs as UnixMs, // safe because: it came from the shell's clock
  ledger_seq: seq,
  rates,
  warnings: hold?.ok ? hold.warnings : [],
  hard: hold !== null && (!hold.ok || hold.hard),
  data_key: gate.data_key,
});

/** Named second step: what a refusal leaves. */
function noteRefusal(sql: Sql, nowMs: number, request: AdmitRequest, refusal: AdmitRefusal, known: boolean): void {
  const detail = refusalDetail(refusal, known);
  if (!detail) return;
  const { action, by, task } = request;
  const kind = refusal.reason === "unknown_credential" ? "authentication.failed" : "call.refused";
  noteRepeatable(sql, nowMs, { kind, outcome: "failure", action, reason: refusal.reason, task, by, detail });
}

/** Null for answers that only tell a caller to decide again, to wait, or where to look: they leave nothing. */
function refusalDetail(refusal: AdmitRefusal, known: boolean): JsonObject | null {
  switch (refusal.reason) {
    case "suspended":
    case "locked":
    case "ledger_halted":
    case "erased":
      return {};
    case "rate_limited":
      return { dimension: refusal.state.dimension, unit: refusal.state.unit };
    case "budget_exhausted":
      return { budget: refusal.budget };
    case "unknown_credential":
      // A key that this tenant never had proves nobody; one that was revoked or has expired does.
      return known ? {} : null;
    case "unknown_tenant":
    case "stale":
    case "key_reused":
    case "in_progress":
    case "result_expired":
    case "outcome_unknown":
    case "overloaded":
      return null;
    default:
      return unreachable(refusal);
  }
}

function noteReplay(sql: Sql, nowMs: number, { action, by, task }: AdmitRequest, replay: Replay): void {
  const reason = `replay:${replay.task}`;
  noteRepeatable(sql, nowMs, { kind: "data.read", outcome: "success", action, reason, task, by, detail: {} });
}

/** What the edge must never send: a bug there, not an outcome. */
function check({ schema_version, hold_nusd, tokens, deadline, decision, subject_key, kept }: AdmitRequest): void {
  checkDecision(decision);
  checkWanted(subject_key);
  checkKept(kept);
  if (schema_version !== 1) throw new RangeError("unsupported admit version");
  if (!Number.isSafeInteger(hold_nusd) || hold_nusd < 0 || hold_nusd > NANO_USD_MAX)
    throw new RangeError("hold out of range");
  if (!Number.isSafeInteger(tokens) || tokens < 0) throw new RangeError("tokens out of range");
  if (!Number.isSafeInteger(deadline)) throw new RangeError("deadline out of range");
}
