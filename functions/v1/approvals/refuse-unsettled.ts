import { LIMITS } from "../../../shared/contracts/limits.ts";
import { OUTCOME_UNKNOWN, type TaskRecord } from "../../../shared/contracts/task.ts";
import { ProblemError } from "../../problem.ts";

/**
 * An answer is given out once its call is settled, as by its key: a run that was lost behind its answer was charged by its
 * bound, and what it answered is nobody's. Throws `approval-not-done` while it is open, `outcome-unknown` once it was closed so.
 */
export function refuseUnsettled({ status, error }: Pick<TaskRecord, "status" | "error">): void {
  if (status === null)
    throw new ProblemError("approval-not-done", {
      detail: "The run is not settled yet.",
      members: { state: "running" },
      retryAfterMs: LIMITS.inProgressRetryMs,
    });
  if (error?.code === OUTCOME_UNKNOWN) throw new ProblemError("outcome-unknown");
}
