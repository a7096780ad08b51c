import type { NanoUsd } from "../../shared/contracts/ids.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { KeptSession, SubjectKeyWanted } from "../../shared/contracts/ports/content-store.ts";
import type { AdmitRefusal, Admitted, IdempotencyClaim, Replay } from "../../shared/contracts/ports/tenant-store.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError, StaleAccess } from "../problem.ts";
import { bucketsFor, rateHeaders } from "./rates.ts";

export interface Admission {
  operation: string;
  action: string;
  model: string;
  intent: string | null;
  hold_nusd: NanoUsd;
  tokens: number;
  idempotency: IdempotencyClaim | null;
  detail: JsonObject;
  /** Where the call begins a conversation that is kept. */
  subject_key?: SubjectKeyWanted;
  /** Where it may keep more in one that is there. */
  kept?: KeptSession;
}

/** One durable call: idempotency, rates, budget and the *opened* record. Throws `ProblemError` or `StaleAccess`. */
export async function admit(deps: Deps, call: Call, admission: Admission): Promise<Admitted | Replay> {
  const span = call.span.child("admit");
  const [outcome] = await deps.tenants.admit(call.actor.scopes.tenant, [
    {
      schema_version: 1,
      task: call.task,
      access: call.access,
      by: call.by,
      deadline: call.deadline,
      // Lines of a batch are paced by its window; callers' own rates are for what they wait for.
      rates: call.policyInput.point === "batch" ? [] : bucketsFor(call.snapshot, call.actor),
      decision: call.decisionRecord,
      ...admission,
    },
  ]);
  span.end(outcome?.ok ? "ok" : "error");
  if (!outcome) throw new Error("admit answered nothing");
  deps.telemetry.metrics.count("bailiwick_admissions_total", {
    outcome: outcome.ok ? outcome.value.kind : outcome.error.reason,
  });
  if (!outcome.ok) {
    if (outcome.error.reason === "budget_exhausted")
      deps.telemetry.metrics.count("bailiwick_budget_refusals_total", { reason: "budget" });
    throw refused(outcome.error);
  }
  if (outcome.value.kind === "admitted") {
    deps.telemetry.metrics.count("bailiwick_budget_reserved_nusd_total", {}, admission.hold_nusd);
    if (outcome.value.warnings.length > 0) deps.telemetry.metrics.count("bailiwick_budget_warnings_total", {});
    call.reply["x-bailiwick-task"] = call.task;
    call.span.set({ "bailiwick.task": call.task });
    Object.assign(call.reply, rateHeaders(outcome.value.rates));
    if (outcome.value.warnings.length > 0) call.reply["x-bailiwick-budget-warning"] = outcome.value.warnings.join(", ");
  }
  return outcome.value;
}

function refused(refusal: AdmitRefusal): ProblemError | StaleAccess {
  const task = "task" in refusal ? { members: { task: refusal.task, task_url: `/v1/tasks/${refusal.task}` } } : {};
  switch (refusal.reason) {
    case "stale":
    case "unknown_credential":
    case "unknown_tenant":
      return new StaleAccess(refusal.reason);
    case "ledger_halted":
      return new ProblemError("ledger-halted", { retryAfterMs: refusal.retry_after_ms });
    case "suspended":
      return new ProblemError("tenant-suspended");
    case "locked":
      return new ProblemError("tenant-locked");
    case "key_reused":
      return new ProblemError("idempotency-key-reused", { param: "idempotency-key" });
    case "in_progress":
      return new ProblemError("idempotency-in-progress", { ...task, retryAfterMs: refusal.retry_after_ms });
    case "result_expired":
      return new ProblemError("idempotency-result-expired", task);
    case "erased":
      return new ProblemError("not-found", { detail: "Everything of the subject from before was erased." });
    case "outcome_unknown":
      return new ProblemError("outcome-unknown", task);
    case "rate_limited":
      return new ProblemError("rate-limited", {
        detail: `The ${refusal.state.dimension} limit of ${refusal.state.limit} ${refusal.state.unit} is reached.`,
        retryAfterMs: refusal.retry_after_ms,
        headers: rateHeaders([refusal.state]),
        members: { limit: refusal.state },
      });
    case "budget_exhausted":
      return new ProblemError("budget-exhausted", { retryAfterMs: 1000, members: { budget: refusal.budget } });
    case "overloaded":
      return new ProblemError("overloaded", { retryAfterMs: refusal.retry_after_ms });
    default:
      return unreachable(refusal);
  }
}
