import { ApprovalPath } from "../../../shared/contracts/http/approvals.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { open } from "../../../shared/crypto/open.ts";
import type { Call, Deps } from "../../context.ts";
import { disclaim } from "../../inference/obligations/disclaimer.ts";
import { allDuties } from "../../inference/obligations/duties.ts";
import { refuseFor } from "../../inference/obligations/refuse.ts";
import { replayedUnder } from "../../inference/obligations/replayed.ts";
import { ProblemError } from "../../problem.ts";
import { recordRefusal } from "../ask-policy.ts";
import { denied, refusalOf } from "../enforce.ts";
import { READ } from "../input.ts";
import { type Operation, operation } from "../operation.ts";
import { evidenceOf } from "./approval-required.ts";
import { askedAgain } from "./asked-again.ts";
import { isRequester, type Reached, reach } from "./reach.ts";

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
  problems: ["not-found", "approval-not-done", "approval-result-gone", "obligation-failed"],
  summary: "Get what an approved request answered",
  tag: "Approvals",
  resource: { kind: "approval", param: "approval_id" },
  async execute(deps, call) {
    const reached = await reach(deps, call, call.params.approval_id);
    const { record, state } = reached;
    if (!isRequester(call.actor, state.id, record)) throw new ProblemError("not-found");
    const asked = finished(deps, reached);
    const present = await decidedNow(deps, call, reached, asked);
    const stored = await deps.tasks.result(state.id, record.task);
    if (!stored.ok) throw gone(record.state);
    const dataKey = await deps.keyring.openDataKey(state.id, state.data_key);
    const opened = await open(dataKey, { tenant: state.id, object: record.task }, stored.value.sealed);
    if (!opened.ok) throw new Error(`stored result of ${record.task} does not open: ${opened.error.reason}`);
    const duties = allDuties(present.decided.decision);
    const delivered = asked.surface
      ? replayedUnder(asked.surface, duties, stored.value, opened.value)
      : { ok: true as const, value: opened.value };
    if (!delivered.ok) throw await refuseFor(deps, present, delivered.error.id, delivered.error.cause);
    disclaim(duties, call.reply);
    return {
      kind: "bytes",
      status: stored.value.status,
      contentType: stored.value.content_type,
      body: delivered.value,
      headers: {
        "x-bailiwick-approval": record.id,
        "x-bailiwick-task": record.task,
        "idempotent-replayed": "true",
        "cache-control": "no-store",
      },
    };
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
 * the actor who reads it. What was sent is forgotten, so there are neither candidates nor features.
 */
async function decidedNow(deps: Deps, call: Call, { record }: Reached, asked: Operation): Promise<Call> {
  const { action, resource } = record;
  const policyInput = {
    ...call.policyInput,
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
  if (!refusal) return present;
  await recordRefusal(deps, present, refusal);
  throw refusal;
}
