import type { Call } from "../context.ts";
import { isAway } from "../pipeline/problem-response.ts";
import { ProblemError } from "../problem.ts";
import { Unsettled } from "./settlement.ts";

/**
 * What stopped a call behind an engine's work, as its problem. A store that is away is `outcome-unknown` to whoever would be
 * given this again under a key, and to runs that are begun once (detached, or approved): the work was done. Anybody else
 * may ask again.
 */
export function brokenRun(
  { idempotencyKey, run, policyInput }: Pick<Call, "idempotencyKey" | "run" | "policyInput">,
  thrown: unknown,
): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  if (!isAway(thrown)) return new ProblemError("internal", {}, { cause: thrown });
  const detail = "An engine answered, and a store of the cell did not take its answer.";
  return idempotencyKey === null && run === undefined && policyInput.point !== "approved"
    ? new ProblemError("store-unavailable", { detail, retryAfterMs: 1_000 }, { cause: thrown })
    : new ProblemError("outcome-unknown", { detail: `${detail} It is not asked again.` }, { cause: thrown });
}

/**
 * Whether a worker's run is to be left open: a store that was away ends nothing, because the worker keeps what its engine
 * made and the task's next run is given it again.
 */
export const leavesOpen = ({ run }: Pick<Call, "run">, thrown: unknown): boolean =>
  run !== undefined && run.pool !== null && isAway(thrown);

export const leftOpen = (cause: unknown): Unsettled =>
  new Unsettled("a store was away under a worker's run", { cause });
