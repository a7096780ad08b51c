import type { NanoUsd } from "../../../shared/contracts/ids.ts";
import { PROBLEMS } from "../../../shared/contracts/problems.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Deps, Incoming } from "../../context.ts";
import { deliveredUsage } from "../../detached/delivered-usage.ts";
import type { DetachedCall } from "../../detached/detached-call.ts";
import type { LogWriter } from "../../detached/write-log.ts";
import { errorFrame } from "../../dialects/error-frame.ts";
import { encodeData } from "../../dialects/sse-frame.ts";
import { failedStatus } from "../../inference/relay-unary.ts";
import { attributionOf } from "../../pipeline/attribution.ts";
import { errorMember, type ProblemError, problemDocument, problemHeaders } from "../../problem.ts";
import type { Operation } from "../operation.ts";
import type { Carried } from "./carry-out.ts";

/**
 * A task that was admitted and not run is not left to its deadline; what ran was settled where it ran. What earlier runs
 * delivered of a stream is charged; what they made and nobody saw is not.
 */
export async function settleUnrun(
  deps: Deps,
  { tenant, task, leased }: Carried,
  {
    actor,
    incoming,
    delivered,
  }: { actor: DetachedCall["actor"]; incoming: Incoming; delivered: readonly Uint8Array[] },
  problem: ProblemError,
): Promise<void> {
  // How far an earlier run came nobody knows: the tenant's own alarm charges what was held.
  if (problem.slug === "outcome-unknown") return;
  const { code, message } = errorMember(problem);
  const meter = delivered.length > 0 ? leased.head?.meter : undefined;
  const { usage, cost } = meter ? deliveredUsage(meter, delivered) : { usage: [], cost: 0 as NanoUsd }; // safe because: zero is in bounds
  const [settled] = await deps.tenants.settle(tenant, [
    {
      schema_version: 1,
      task,
      by: attributionOf(actor, incoming, deps.cell, deps.config.current().digest, null),
      status: failedStatus(problem),
      error: { code, message },
      usage,
      cost_nusd: cost,
      estimated: meter !== undefined,
      route: meter?.route ?? null,
      result: "none",
      detail: {},
    },
  ]);
  // Settled where it ran, or refused before it was admitted: both are how it should be.
  if (settled && !settled.ok && settled.error.reason === "unknown_tenant") throw new Error("a task's tenant is gone");
}

/** The problem as the answer: a document of its own, or behind delivered frames the stream's last one. */
export async function tellProblem(
  log: LogWriter,
  operation: Operation,
  incoming: Incoming,
  problem: ProblemError,
): Promise<void> {
  // Whoever watches may have seen what is not durable yet: the error goes behind it.
  log.repeatNoMore();
  if (log.frames === 0) {
    const { "content-type": contentType = "application/json", ...headers } = problemHeaders(problem, operation.shape);
    const { status } = PROBLEMS[problem.slug];
    await log.head({ status, content_type: contentType, stream: false, headers });
    await log.frame(utf8(JSON.stringify(problemDocument(problem, incoming.request, operation.shape))));
    return log.close("complete");
  }
  const error = errorMember(problem);
  const { raw } = operation.surface
    ? errorFrame(operation.surface, error, log.frames)
    : { raw: encodeData(JSON.stringify({ error })) };
  await log.frame(raw);
  await log.close("failed");
}
