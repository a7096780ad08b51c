import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { recordRefusal } from "../../v1/ask-policy.ts";
import { obligationFailed } from "./outcomes.ts";

/** The denial of a call whose obligation cannot be met; in the tenant's ledger before the caller hears it. */
export async function refuseFor(
  deps: Pick<Deps, "tenants" | "telemetry">,
  call: Call,
  id: Obligation["id"],
  cause?: unknown,
): Promise<ProblemError> {
  const problem =
    id === "forbid_tools"
      ? new ProblemError("tools-forbidden", {
          param: "tools",
          members: { obligation: id, reasons: [`obligation_failed:${id}`] },
        })
      : obligationFailed(id, cause);
  if (cause !== undefined)
    deps.telemetry.log.error("obligation.failed", cause, { request: call.request, task: call.task });
  await recordRefusal(deps, call, problem);
  return problem;
}
