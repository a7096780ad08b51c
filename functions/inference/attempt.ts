import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import {
  EngineError,
  type EngineFailure,
  type EngineRequest,
  type ModelEvent,
} from "../../shared/contracts/ports/engine.ts";
import type { Call, Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { engineProblem } from "./engine-problem.ts";
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
/** Failures that say something about the engine's health. */
const UNHEALTHY: ReadonlySet<EngineFailure["reason"]> = new Set(["unreachable", "overloaded", "failed", "timeout"]);

/**
 * Tries the plan's hops in order until one delivers its first bytes; never afterwards. Each try is recorded with its
 * reason. Throws `ProblemError` when none does.
 */
export async function attempt(
  deps: Deps,
  call: Call,
  plan: Plan,
  settlement: Settlement,
  request: (hop: Hop) => EngineRequest,
  abort: AbortController,
): Promise<Accepted> {
  const tries: Try[] = [];
  let last: EngineFailure = { reason: "unreachable" };
  for (const [index, hop] of plan.hops.entries()) {
    const { candidate, provider } = hop;
    const note = (outcome: Try["outcome"], reason: string) => {
      tries.push({ candidate: candidate.id, outcome, reason });
      settlement.took(outcome === "chosen" ? candidate : null, routeRecord(plan, tries));
    };
    const engine = deps.engine(call.snapshot, provider.name);
    const permit = deps.router.breakers.acquire(provider.name, provider.breaker);
    if (!engine || !permit.ok) {
      note("failed", engine ? "breaker_open" : "engine_unavailable");
      continue;
    }
    if (index === 0) deps.router.retries.called(provider.name);
    else if (!deps.router.retries.tryRetry(provider.name, call.snapshot.policies.retry_budget)) {
      permit.value.release();
      note("failed", "retry_budget_exhausted");
      continue;
    }
    const span = call.span.child(`engine ${provider.name}`, {
      "gen_ai.provider.name": provider.name,
      "gen_ai.request.model": candidate.model,
    });
    const startedMs = deps.clock.now();
    try {
      const accepted = await open(engine.execute({ ...request(hop), traceparent: span.traceparent }, abort.signal));
      permit.value.succeed();
      deps.router.latencies.observe(candidate.id, deps.clock.now() - startedMs);
      if (engine.describeCapabilities().synthetic) call.reply["x-bailiwick-synthetic"] = "true";
      note("chosen", index === 0 ? "first_choice" : "fallback");
      span.end("ok");
      return { hop, ...accepted };
    } catch (thrown) {
      span.end("error");
      if (!(thrown instanceof EngineError)) {
        permit.value.release();
        throw thrown;
      }
      last = thrown.failure;
      if (UNHEALTHY.has(last.reason)) permit.value.fail();
      else permit.value.release();
      note("failed", last.reason);
      if (last.reason === "unauthorized") deps.tenantCredentials.forget(call.tenant.id);
      if (!FALLS_BACK[last.reason] || abort.signal.aborted) throw abortedBy(abort) ?? engineProblem(last);
    }
  }
  throw abortedBy(abort) ?? engineProblem(last);
}

/** The problem that stopped the call, when it was stopped: deadline, disconnect, drain. */
const abortedBy = (abort: AbortController): ProblemError | null =>
  abort.signal.aborted && abort.signal.reason instanceof ProblemError ? abort.signal.reason : null;

async function open(
  events: AsyncIterable<ModelEvent>,
): Promise<{ dialect: Dialect; events: AsyncIterator<ModelEvent>; first: Uint8Array }> {
  const iterator = events[Symbol.asyncIterator]();
  const head = await iterator.next();
  if (head.done || head.value.kind !== "head")
    throw new EngineError({ reason: "failed", status: null, message: "no answer" });
  const next = await iterator.next();
  if (next.done || next.value.kind === "head")
    throw new EngineError({ reason: "failed", status: null, message: "an empty answer" });
  return { dialect: head.value.dialect, events: iterator, first: next.value.raw };
}
