import type { PolicyInput } from "../../../shared/contracts/decision.ts";
import type { ApprovalEvidence } from "../../../shared/contracts/ports/policy.ts";
import type { Call, Deps } from "../../context.ts";
import { Outcomes } from "../../inference/obligations/outcomes.ts";
import { decisionRecord } from "../../pipeline/decision-record.ts";
import { askPolicy } from "../ask-policy.ts";

/**
 * The call under a further live decision, about something else than what it was admitted for: what is refused, recorded
 * or done from here on is attributed to that decision. Throws `policy-unavailable`.
 */
export async function askedAgain(
  deps: Deps,
  call: Call,
  policyInput: PolicyInput,
  approval: ApprovalEvidence | null,
): Promise<Call> {
  const decided = await askPolicy(deps, call, policyInput, approval);
  return {
    ...call,
    policyInput,
    decided,
    decisionRecord: decisionRecord(decided, policyInput, {
      task: call.task,
      snapshot: call.snapshot.digest,
      atMs: call.receivedMs,
    }),
    outcomes: new Outcomes(),
    by: { ...call.by, decision: decided.id, policy: decided.policy_digest },
  };
}
