import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { EngineError, type EngineFailure, type ModelEvent } from "../../shared/contracts/ports/engine.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { GEN_AI } from "../../shared/telemetry/gen-ai.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import type { Permit } from "./breaker.ts";
import { engineProblem } from "./engine-problem.ts";
import { decideHop } from "./hop-decision.ts";
import { notRedacted, type RedactionRefused, reasonWith } from "./hop-redaction.ts";
import type { HopAsk } from "./hop-request.ts";
import { modelSpan } from "./model-telemetry.ts";
import type { HopForbidden } from "./obligations/hop-duty.ts";
import type { Hop, Plan } from "./plan.ts";
import { routeRecord, type Try } from "./route-record.ts";
import type { Settlement } from "./settlement.ts";

/** An engine that accepted the call and delivered its first bytes. */
export interface Accepted {
  hop: Hop;
  dialect: Dialect;
  events: AsyncIterator<ModelEvent>;
  /** First bytes of a stream, or the whole unary body. */
  first: Uint8Array;
}

/** Failures after which another engine may do better; the rest are the request's own or the caller's. */
const FALLS_BACK: Readonly<Record<EngineFailure["reason"], boolean>> = {
  unreachable: true,
  overloaded: true,
  unauthorized: true,
  failed: true,
  timeout: true,
  model_mismatch: true,
  rejected: false,
  canceled: false,
};
/** Failures that tell for certain that nothing ran. */
const NOTHING_RAN: ReadonlySet<EngineFailure["reason"]> = new Set(["unreachable", "overloaded", "unauthorized"]);
/** Failures that say something about the engine's health. */
const UNHEALTHY: ReadonlySet<EngineFailure["reason"]> = new Set(["unreachable", "overloaded", "failed", "timeout"]);

/**
 * Tries the plan's hops in order until one delivers its first bytes; never afterwards. Each hop after the first needs a
 * decision of its own. Each try is recorded with its reason and with how much was taken out of the request for it. Throws
 * `ProblemError` when none does.
 */
export async function attempt(
  deps: Deps,
  call: Call,
  plan: Plan,
  settlement: Settlement,
  ask: (hop: Hop) => Result<HopAsk, RedactionRefused | HopForbidden>,
  abort: AbortController,
): Promise<Accepted> {
  const { metrics } = deps.telemetry;
  const tries: Try[] = [];
  let problem: ProblemError | null = null;
  /** The try before, if it failed at its engine. */
  let left: { provider: string; reason: string } | null = null;
  for (const [index, hop] of plan.hops.entries()) {
    const { candidate, provider } = hop;
    const note = (outcome: Try["outcome"], reason: string) => {
      tries.push({ candidate: candidate.id, outcome, reason });
      settlement.took(outcome === "chosen" ? candidate : null, routeRecord(plan, tries));
    };
    if (index > 0) {
      const decided = await decideHop(deps, call, candidate.id);
      const { decision } = decided.ok ? { decision: decided.value } : decided.error;
      if (decision !== null) settlement.decidedAgain(decision);
      if (!decided.ok) {
        note("failed", decided.error.reason);
        continue;
      }
    }
    const engine = deps.engine(call.snapshot, provider.name);
    const permit = engine === null ? null : deps.router.breakers.acquire(provider.name, provider.breaker);
    if (!engine || !permit?.ok) {
      note("failed", engine ? "breaker_open" : "engine_unavailable");
      continue;
    }
    const asked = released(permit.value, () => ask(hop));
    if (!asked.ok) {
      permit.value.release();
      note("failed", asked.error.reason);
      problem ??= notRedacted(asked.error);
      continue;
    }
    if (index === 0) deps.router.retries.called(provider.name);
    else if (!deps.router.retries.tryRetry(provider.name, call.snapshot.policies.retry_budget)) {
      permit.value.release();
      note("failed", "retry_budget_exhausted");
      continue;
    }
    const { request, redaction } = asked.value;
    if (redaction) settlement.redacted(redaction);
    if (left)
      metrics.count("bailiwick_fallbacks_total", { from: left.provider, to: provider.name, reason: left.reason });
    const span = modelSpan(call.span, hop, request.dialect);
    const startedMs = deps.clock.now();
    try {
      const { synthetic, ...accepted } = await open(
        engine.execute({ ...request, traceparent: span.traceparent }, abort.signal),
      );
      permit.value.succeed();
      settlement.mayHaveRun();
      deps.router.latencies.observe(candidate.id, deps.clock.now() - startedMs);
      if (synthetic || engine.describeCapabilities().synthetic) {
        call.reply["x-bailiwick-synthetic"] = "true";
        settlement.synthetic = true;
      }
      note("chosen", reasonWith(index === 0 ? "first_choice" : "fallback", redaction));
      metrics.count("bailiwick_engine_attempts_total", { provider: provider.name, outcome: "accepted" });
      settlement.answers(provider, span);
      return { hop, ...accepted };
    } catch (thrown) {
      const outcome = thrown instanceof EngineError ? thrown.failure.reason : "internal";
      metrics.count("bailiwick_engine_attempts_total", { provider: provider.name, outcome });
      span.set({ [GEN_AI.errorType]: outcome });
      span.end("error");
      if (!(thrown instanceof EngineError)) {
        permit.value.release();
        throw thrown;
      }
      const { failure } = thrown;
      if (!NOTHING_RAN.has(failure.reason)) settlement.mayHaveRun();
      left = { provider: provider.name, reason: failure.reason };
      problem = engineProblem(failure);
      if (UNHEALTHY.has(failure.reason)) permit.value.fail();
      else permit.value.release();
      note("failed", reasonWith(failure.reason, redaction));
      if (failure.reason === "unauthorized") deps.tenantCredentials.forget(call.tenant.id);
      if (!FALLS_BACK[failure.reason] || abort.signal.aborted) throw abortedBy(abort) ?? problem;
    }
  }
  throw abortedBy(abort) ?? withCandidates(problem ?? engineProblem({ reason: "unreachable" }), plan, tries);
}

/** A call without a route says why each candidate is none, as a plan without one does. */
const withCandidates = (problem: ProblemError, plan: Plan, tries: readonly Try[]): ProblemError =>
  problem.slug === "no-route"
    ? new ProblemError(problem.slug, {
        ...problem.extensions,
        members: { ...problem.extensions.members, candidates: routeRecord(plan, tries).reasons },
      })
    : problem;

/** Nothing was learnt about the engine when its question could not even be made. */
function released<T>(permit: Permit, make: () => T): T {
  try {
    return make();
  } catch (thrown) {
    permit.release();
    throw thrown;
  }
}

/** The problem that stopped the call, when it was stopped: deadline, disconnect, drain. */
const abortedBy = (abort: AbortController): ProblemError | null =>
  abort.signal.aborted && abort.signal.reason instanceof ProblemError ? abort.signal.reason : null;

async function open(
  events: AsyncIterable<ModelEvent>,
): Promise<{ dialect: Dialect; synthetic: boolean; events: AsyncIterator<ModelEvent>; first: Uint8Array }> {
  const iterator = events[Symbol.asyncIterator]();
  const head = await iterator.next();
  if (head.done || head.value.kind !== "head")
    throw new EngineError({ reason: "failed", status: null, message: "no answer" });
  const next = await iterator.next();
  if (next.done || next.value.kind === "head")
    throw new EngineError({ reason: "failed", status: null, message: "an empty answer" });
  const { dialect, synthetic = false } = head.value;
  return { dialect, synthetic, events: iterator, first: next.value.raw };
}
