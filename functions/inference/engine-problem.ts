import type { EngineFailure } from "../../shared/contracts/ports/engine.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import { ProblemError } from "../problem.ts";

/** What a failed engine is to the caller. Provider names, addresses and our own credentials stay inside. */
export function engineProblem(failure: EngineFailure): ProblemError {
  switch (failure.reason) {
    case "rejected":
      return new ProblemError("upstream-rejected", {
        detail: failure.message,
        ...(failure.param ? { param: failure.param } : {}),
        members: { upstream: { status: failure.status, code: failure.code } },
      });
    case "overloaded":
      return new ProblemError(failure.status === 429 ? "engine-overloaded" : "no-route", {
        detail: "The approved engines take no more requests now.",
        retryAfterMs: Math.min(failure.retry_after_ms ?? 1_000, 59_000),
      });
    case "unreachable":
      return new ProblemError("no-route", { detail: "No approved engine could be reached.", retryAfterMs: 1_000 });
    case "timeout":
      return new ProblemError("upstream-timeout");
    case "canceled":
      return new ProblemError("canceled");
    case "unauthorized":
    case "failed":
    case "model_mismatch":
      return new ProblemError("upstream-failed");
    default:
      return unreachable(failure);
  }
}
