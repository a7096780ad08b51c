import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { Operation, Reply } from "./operation.ts";

/**
 * What a call gets that somebody must approve first: 403 with who it waits for. `refuse` records the refusal, and throws
 * it.
 */
export function approvalRequired(
  _deps: Deps,
  _operation: Operation,
  call: Call,
  refuse: (refusal: ProblemError) => Promise<never>,
): Promise<Reply> {
  const { reasons, approvals } = call.decided.decision;
  return refuse(new ProblemError("approval-required", { members: { reasons: [...reasons], approvals } }));
}
