import { z } from "zod";
import { mergeObligations } from "../../../policies/decide/obligations.ts";
import { ApprovalId } from "../../../shared/contracts/ids.ts";
import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { keepDecided, recordRefusal } from "../ask-policy.ts";
import { carryOut, ObligationFailed } from "../carry-out.ts";
import { denied, refusalOf } from "../enforce.ts";
import type { Reply } from "../operation.ts";
import { askedAgain } from "./asked-again.ts";
import { reach } from "./reach.ts";
import { ITEM_ID, responseOf } from "./response-item.ts";
import { giveVerdict } from "./verdict.ts";

const TYPE = "mcp_approval_response";

/** OpenAI's item; `approval_request_id` is the id of the `mcp_approval_request` that it answers. */
const VerdictItem = z.looseObject({
  type: z.literal(TYPE),
  approval_request_id: z.string(),
  approve: z.boolean(),
  reason: z.string().min(1).max(LIMITS.approvalCommentCharsMax).nullish(),
});

const isVerdict = (item: unknown): boolean => isJsonObject(item as JsonObject) && (item as JsonObject).type === TYPE; // safe because: only looked at

/** Whether a Responses request is a verdict on an approval rather than a question to a model. */
export const carriesVerdict = ({ body }: Pick<Call, "body">): boolean => {
  const { input } = body as JsonObject; // safe because: the operation's schema is an object
  return Array.isArray(input) && input.some(isVerdict);
};

/**
 * A verdict given as Responses has it, under the rules of `approvals.approve` and `approvals.reject`, policy included. It is
 * answered with how the approval stands; the run's answer is its requester's alone. Throws `ProblemError`.
 */
export async function answerVerdict(deps: Deps, call: Call): Promise<Reply> {
  const { input } = call.body as JsonObject; // safe because: `carriesVerdict` has looked
  const items = Array.isArray(input) ? input : [];
  const parsed = VerdictItem.safeParse(items[0]);
  if (items.length !== 1 || !parsed.success)
    throw new ProblemError("invalid-request", {
      param: "input",
      detail: `An ${TYPE} comes alone, with approval_request_id and approve.`,
    });
  const { approval_request_id, approve, reason } = parsed.data;
  const [, id, seen] = ITEM_ID.exec(approval_request_id) ?? [];
  if (id === undefined || seen === undefined) throw new ProblemError("not-found");
  const question = {
    ...call.policyInput,
    action: "approval:decide",
    operation: approve ? "approvals.approve" : "approvals.reject",
    effect: "irreversible-write" as const,
    resource: { kind: "approval", id },
    candidates: [],
  };
  const deciding = await askedAgain(deps, call, question, null);
  await carriedOut(deps, call, deciding);
  const reached = await reach(deps, deciding, ApprovalId.parse(id));
  const { digest } = reached.record.subject;
  if (!digest.startsWith(seen)) throw new ProblemError("approval-digest-mismatch");
  const after = await giveVerdict(deps, deciding, reached, {
    verdict: approve ? "approve" : "reject",
    digest,
    comment: reason ?? null,
    edited: null,
  });
  return responseOf(call, {
    id: `resp_${call.task.slice("task_".length)}`,
    created_at: Math.floor(call.receivedMs / 1000),
    output: [],
    metadata: { approval: after.id, approval_state: after.state, task: after.task },
  });
}

/**
 * What was decided about the verdict is enforced as the seam would have, and so is what the seam left to an inference call,
 * which this one is not. Throws the denial, ledgered.
 */
async function carriedOut(deps: Deps, call: Call, deciding: Call): Promise<void> {
  const { decided, policyInput } = deciding;
  const refuse = async (refusal: ProblemError): Promise<never> => {
    await recordRefusal(deps, deciding, refusal);
    throw refusal;
  };
  const refusal =
    refusalOf(decided, {}) ??
    (decided.decision.decision === "REQUIRE_HITL" ? new ProblemError("approval-required") : null);
  if (refusal) return refuse(refusal);
  const operation = { id: policyInput.operation, action: policyInput.action, effect: policyInput.effect };
  const obligations = mergeObligations(call.decided.decision.obligations, decided.decision.obligations);
  if (!obligations.ok) return refuse(denied(["obligation_conflict"]));
  const owing = { ...decided, decision: { ...decided.decision, obligations: obligations.value } };
  try {
    await carryOut(deps, operation, { ...deciding, decided: owing });
  } catch (thrown) {
    if (thrown instanceof ObligationFailed) return refuse(denied(["obligation_failed"]));
    throw thrown;
  }
  await keepDecided(deps, deciding);
}
