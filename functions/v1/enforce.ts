import type { Decided, Decision, Obligation } from "../../shared/contracts/decision.ts";
import type { ObligationId } from "../../shared/contracts/policy/obligations.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import { ProblemError } from "../problem.ts";
import type { Operation } from "./operation.ts";

/** What the seam itself carries out where an operation does not. */
export const SEAM_ENFORCES: readonly ObligationId[] = ["audit_level", "disclaimer"];

/**
 * The refusal that a decision asks for, or null when the call may go on. An obligation that this operation cannot carry
 * out refuses the call. A demand for approval is no refusal: `approvalRequired` answers it.
 */
export function refusalOf({ decision }: Decided, { enforces }: Pick<Operation, "enforces">): ProblemError | null {
  switch (decision.decision) {
    case "ALLOW":
    case "ROUTE":
      return unsupported(decision, enforces) ? denied(["obligation_unsupported"]) : null;
    case "REQUIRE_HITL":
      return null;
    case "DENY":
      return decision.reasons.includes("insufficient_scope")
        ? new ProblemError("insufficient-scope", {
            members: { reasons: decision.reasons },
            headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
          })
        : denied(decision.reasons);
    case "REQUIRE_STEP_UP":
      return new ProblemError("insufficient-user-authentication", {
        members: { reasons: decision.reasons },
        headers: { "www-authenticate": stepUpChallenge(decision.acr) },
      });
    case "THROTTLE": {
      const limit = decision.throttle?.limit ?? "policy";
      return new ProblemError("throttled", {
        detail: `The limit ${limit} of policy is reached.`,
        members: { reasons: decision.reasons, limit: { name: limit } },
        retryAfterMs: 1000 * (decision.ttl_s ?? 1),
      });
    }
    default:
      return unreachable(decision.decision);
  }
}

/** A 403 that tells the codes of its reasons and nothing of the policy. */
export const denied = (reasons: readonly string[]): ProblemError =>
  new ProblemError("forbidden", { members: { reasons } });

function unsupported({ obligations, route }: Decision, enforces: readonly ObligationId[] = []): boolean {
  const open = ({ id }: Obligation) => !SEAM_ENFORCES.includes(id) && !enforces.includes(id);
  if (obligations.some(open)) return true;
  for (const own of route?.candidates.values() ?? []) if (own.some(open)) return true;
  return false;
}

/** Text that a quoted string of a header carries as it is (RFC 9110 §5.6.4). */
const QUOTABLE = /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/;

/** RFC 9470 §3. */
function stepUpChallenge(acr: Decision["acr"]): string {
  const values = (acr?.values ?? []).filter((value) => QUOTABLE.test(value));
  return [
    'Bearer error="insufficient_user_authentication"',
    'error_description="A stronger or more recent sign-in is required"',
    ...(values.length > 0 ? [`acr_values="${values.join(" ")}"`] : []),
    ...(acr?.max_age_s === undefined ? [] : [`max_age="${acr.max_age_s}"`]),
  ].join(", ");
}
