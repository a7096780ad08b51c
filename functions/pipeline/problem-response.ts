import { PROBLEMS } from "../../shared/contracts/problems.ts";
import type { Incoming } from "../context.ts";
import { ProblemError, type ProblemShape, problemDocument, problemHeaders, StaleAccess } from "../problem.ts";
import { respondWith } from "./respond-with.ts";

/** The answer for a problem, with the call's own headers. */
export function problemResponse(problem: ProblemError, incoming: Incoming, shape: ProblemShape = "openai"): Response {
  const document = JSON.stringify(problemDocument(problem, incoming.request, shape));
  return respondWith(document, PROBLEMS[problem.slug].status, incoming.reply, problemHeaders(problem, shape));
}

/** What durable objects, object store and queues reject with while they are away: by name, for their classes are others'. */
const AWAY: ReadonlySet<string> = new Set([
  "ObjectUnavailable",
  "ObjectOverloaded",
  "ObjectStoreUnavailable",
  "JobQueueUnavailable",
]);

/** The store failed around a call: what it made of it is not known, and the same call may be answered in a moment. */
export const isAway = (thrown: unknown): thrown is Error => thrown instanceof Error && AWAY.has(thrown.name);

/**
 * Whatever was thrown, as a problem: an unforeseen error is a bare 500 whose cause stays inside; a store that is away is
 * told as such. Access that is stale again right after it was read anew is a race with changes, over in a moment.
 */
export function asProblem(thrown: unknown): ProblemError {
  if (thrown instanceof ProblemError) return thrown;
  if (isAway(thrown)) return new ProblemError("store-unavailable", { retryAfterMs: 1000 }, { cause: thrown });
  if (!(thrown instanceof StaleAccess)) return new ProblemError("internal", {}, { cause: thrown });
  const detail = "The credential or its tenant kept changing while this call was decided.";
  return new ProblemError("store-unavailable", { detail, retryAfterMs: 1000 }, { cause: thrown });
}
