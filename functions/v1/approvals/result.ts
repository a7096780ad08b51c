import type { AskedOfRun } from "../../../shared/contracts/approval.ts";
import { type PolicyInput, stricterPrivacy } from "../../../shared/contracts/decision.ts";
import { ApprovalPath } from "../../../shared/contracts/http/approvals.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { Classification, stricterClassification } from "../../../shared/contracts/policy/labels.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { deliverKept } from "../../inference/deliver-kept.ts";
import { ProblemError } from "../../problem.ts";
import { recordRefusal } from "../ask-policy.ts";
import { denied, refusalOf } from "../enforce.ts";
import { READ } from "../input.ts";
import { type Operation, operation } from "../operation.ts";
import { evidenceOf } from "./approval-required.ts";
import { askedAgain } from "./asked-again.ts";
import { isRequester, type Reached, reach } from "./reach.ts";
import { refuseUnsettled } from "./refuse-unsettled.ts";

/** The run's answer as it was kept, problems too: for who asked alone, under what policy says of the request today. */
export const getApprovalResult = operation({
  ...READ,
  kind: "binary",
  id: "approvals.result",
  path: "/v1/approvals/{approval_id}/result",
  action: "approval:read",
  gate: "governed",
  credential: "fresh",
  params: ApprovalPath,
  success: [200, null, "What the run answered: its status, media type and bytes, for 24 hours.", "application/json"],
  problems: ["not-found", "approval-not-done", "approval-result-gone", "outcome-unknown", "obligation-failed"],
  summary: "Get what an approved request answered",
  tag: "Approvals",
  resource: { kind: "approval", param: "approval_id" },
  async execute(deps, call) {
    const reached = await reach(deps, call, call.params.approval_id);
    const { record, state } = reached;
    if (!isRequester(call.actor, state.id, record)) throw new ProblemError("not-found");
    const asked = finished(deps, reached);
    // What never began left a problem and no answer: that is the requester's to read.
    const began = record.asked !== undefined || record.outcome?.code === null;
    const present = began ? await decidedNow(deps, call, reached, asked) : { call, ran: null };
    if (present.ran !== null) refuseUnsettled(present.ran);
    return deliverKept(deps, present.call, {
      task: record.task,
      dataKey: state.data_key,
      operation: { id: asked.id, action: asked.action, surface: asked.surface ?? null },
      // What was sent is forgotten once it ran.
      request: null,
      record: present.ran,
      gone: () => gone(record.state),
      headers: { "x-bailiwick-approval": record.id },
    });
  },
});

const gone = (state: string) =>
  new ProblemError("approval-result-gone", { detail: `The approval is ${state}.`, members: { state } });

/** The operation that ran; throws when it has not, or will not. */
function finished(deps: Deps, { record: { state, operation: id } }: Reached): Operation {
  if (state === "rejected" || state === "expired") throw gone(state);
  if (state !== "done")
    throw new ProblemError("approval-not-done", {
      detail: `The approval is ${state}.`,
      members: { state },
      retryAfterMs: state === "pending" ? LIMITS.approvalWaitRetryMs : LIMITS.inProgressRetryMs,
    });
  const asked = deps.operation(id);
  if (!asked) throw gone(state);
  return asked;
}

/**
 * A kept answer passes the policy of today as a running call would: asked again over the operation that was approved, for
 * the actor who reads it, with what the run was asked with and the one candidate that answered it.
 */
async function decidedNow(
  deps: Deps,
  call: Call,
  { record, state, access }: Reached,
  asked: Operation,
): Promise<{ call: Call; ran: TaskRecord | null }> {
  const { action, resource } = record;
  const found = await deps.tenants.task(state.id, access, record.task);
  const ran = found.ok ? found.value : null;
  const policyInput = {
    ...call.policyInput,
    ...(record.asked ? askedThen(call.policyInput, record.asked, ran) : {}),
    action,
    resource,
    operation: asked.id,
    effect: asked.effect,
    point: "approved" as const,
  };
  const present = await askedAgain(deps, call, policyInput, evidenceOf(record));
  const { decided } = present;
  // Only answers of models are known well enough to be changed under an obligation.
  const enforces = asked.surface ? (asked.enforces ?? []) : [];
  const { decision, reasons } = decided.decision;
  const refusal = decision === "REQUIRE_HITL" ? denied(reasons) : refusalOf(decided, { enforces });
  if (!refusal) return { call: present, ran };
  await recordRefusal(deps, present, refusal);
  throw refusal;
}

/** What the run was asked with; what the tenant's configuration says of calls by now counts where it is stricter. */
function askedThen(now: PolicyInput, then: AskedOfRun, ran: TaskRecord | null): AskedOfRun {
  const used = ran?.route?.reasons.find(({ outcome }) => outcome === "chosen")?.candidate;
  return {
    ...then,
    candidates: used === undefined ? then.candidates : then.candidates.filter(({ id }) => id === used),
    classification: stricter(now.classification, then.classification),
    markings: [...new Set([...then.markings, ...now.markings])],
    privacy: stricterPrivacy(now.privacy, then.privacy),
  };
}

const stricter = (a: string | null, b: string | null): string | null =>
  stricterClassification(Classification.nullable().parse(a), Classification.nullable().parse(b));
