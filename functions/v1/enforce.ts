import type { Decided } from "../../shared/contracts/decision.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import { ProblemError } from "../problem.ts";

/** Obligations that this enforcement point can carry out; any other one turns the decision into a denial. */
const ENFORCEABLE: ReadonlySet<string> = new Set();

/** The refusal that a decision asks for, or null when the call may go on. Unknown obligations deny: fail closed. */
export function refusalOf({ decision }: Decided): ProblemError | null {
  const reasons = { members: { reasons: decision.reasons } };
  switch (decision.decision) {
    case "ALLOW":
    case "ROUTE": {
      const unknown = decision.obligations.find((obligation) => !ENFORCEABLE.has(obligation.id));
      return unknown ? new ProblemError("forbidden", { members: { reasons: ["obligation_unsupported"] } }) : null;
    }
    case "DENY":
      return decision.reasons.includes("insufficient_scope")
        ? new ProblemError("insufficient-scope", {
            ...reasons,
            headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
          })
        : new ProblemError("forbidden", reasons);
    case "REQUIRE_STEP_UP": {
      const values = decision.acr?.values.join(" ") ?? "";
      const age = decision.acr?.max_age_s === undefined ? "" : `, max_age="${decision.acr.max_age_s}"`;
      return new ProblemError("insufficient-user-authentication", {
        ...reasons,
        headers: {
          "www-authenticate": `Bearer error="insufficient_user_authentication", acr_values="${values}"${age}`,
        },
      });
    }
    case "REQUIRE_HITL":
      return new ProblemError("approval-required", reasons);
    case "THROTTLE":
      return new ProblemError("throttled", { ...reasons, retryAfterMs: 1000 * (decision.ttl_s ?? 1) });
    default:
      return unreachable(decision.decision);
  }
}
