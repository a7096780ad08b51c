import { PROBLEMS } from "../../shared/contracts/problems.ts";
import type { Incoming } from "../context.ts";
import { ProblemError, type ProblemShape, problemDocument, problemHeaders } from "../problem.ts";

/** The answer for a problem, with the call's own headers. */
export function problemResponse(problem: ProblemError, incoming: Incoming, shape: ProblemShape = "openai"): Response {
  return new Response(JSON.stringify(problemDocument(problem, incoming.request, shape)), {
    status: PROBLEMS[problem.slug].status,
    headers: { ...incoming.reply, ...problemHeaders(problem, shape) },
  });
}

/** Whatever was thrown, as a problem: an unforeseen error is a bare 500 whose cause stays inside. */
export const asProblem = (thrown: unknown): ProblemError =>
  thrown instanceof ProblemError ? thrown : new ProblemError("internal", {}, { cause: thrown });
