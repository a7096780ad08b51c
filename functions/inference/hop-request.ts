import type { Candidate } from "../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { EngineRequest } from "../../shared/contracts/ports/engine.ts";
import { ok, type Result } from "../../shared/contracts/result.ts";
import { parseTracestate } from "../../shared/telemetry/tracestate.ts";
import type { Call, Deps } from "../context.ts";
import { rewriteRequest } from "../dialects/rewrite.ts";
import { engineDialect, translators } from "../dialects/translators.ts";
import { ProblemError } from "../problem.ts";
import { type HopRedaction, mustRedact, type RedactionRefused, redactForHop } from "./hop-redaction.ts";
import { dutiesBeforeHop, type HopForbidden } from "./obligations/hop-duty.ts";
import type { Outcomes } from "./obligations/outcomes.ts";
import type { Hop } from "./plan.ts";
import type { CandidateQuote, TaskBudget } from "./quote.ts";
import { openCredential } from "./tenant-credentials.ts";
import type { View } from "./view.ts";

export interface InjectedCap {
  /** Output tokens per choice that the engine is held to. */
  tokens: number;
  /** Reaching it means that the task's money is spent, which ends a stream with an error instead of a length. */
  byBudget: boolean;
}

/**
 * Under a hard budget an engine is held to what was reserved, so that calls in parallel cannot overspend it; else to
 * what the task's own budget pays, and the difference is debited at settlement.
 */
export function injectedCap(
  candidate: Candidate,
  quoted: CandidateQuote | undefined,
  budget: TaskBudget,
  hard: boolean,
  choices: number,
): InjectedCap {
  if (!quoted) throw new Error("a candidate without a quote");
  const price = (candidate.prices.tokens_out ?? 0) * choices;
  if (quoted.capped_by !== "reserve" || hard)
    return { tokens: quoted.output_cap, byBudget: quoted.capped_by === "budget" };
  if (price === 0) return { tokens: candidate.output_tokens_max, byBudget: false };
  const input = Math.ceil(
    quoted.input_tokens * Math.max(candidate.prices.tokens_in ?? 0, candidate.prices.tokens_cached ?? 0),
  );
  const paid = Math.floor((budget.attempt_nusd - input - 1) / price);
  const tokens = Math.max(quoted.output_cap, Math.min(paid, candidate.output_tokens_max));
  return { tokens, byBudget: tokens < candidate.output_tokens_max };
}

interface HopInput {
  view: View;
  body: JsonObject;
  hop: Hop;
  cap: InjectedCap;
  stream: boolean;
  dataKey: Uint8Array;
  outcomes: Outcomes;
}

/** A hop's question, and what was taken out of it; `redaction` is null where nothing had to be. */
export interface HopAsk {
  request: EngineRequest;
  redaction: HopRedaction | null;
}

/**
 * What one hop's engine is asked: translated into a dialect it speaks, rewritten, capped, under policy's obligations, and
 * for a provider behind our own pool redacted; a body that cannot be redacted is not asked at all. Throws `ProblemError`.
 */
export function hopRequest(
  deps: Deps,
  call: Call,
  { view, body, hop, cap, stream, dataKey, outcomes }: HopInput,
): Result<HopAsk, RedactionRefused | HopForbidden> {
  const { candidate, provider } = hop;
  const spoken = deps.engine(call.snapshot, provider.name)?.describeCapabilities().dialects ?? [];
  const dialect = engineDialect(view.surface, spoken);
  if (dialect === null)
    throw new ProblemError("unsupported-parameter", {
      param: "model",
      detail: "The model does not offer this operation.",
    });
  const brought = provider.tenant_credentials ? deps.tenantCredentials.known(call.tenant.id, provider.name) : null;
  const rewritten = rewriteRequest(dialect, translated(view, body, dialect, cap.tokens), {
    model: candidate.model,
    stream,
    outputTokensMax: cap.tokens > 0 ? cap.tokens : null,
  });
  const obliged = dutiesBeforeHop(deps, call, outcomes, { hop, dialect, body: rewritten, redactAll: mustRedact(hop) });
  if (!obliged.ok) return obliged;
  const sent = obliged.value.redaction === null ? redactForHop(deps, call, hop, dialect, obliged.value.body) : obliged;
  if (!sent.ok) return sent;
  return ok({
    request: {
      task: call.task,
      dialect,
      body: sent.value.body,
      stream,
      model: candidate.model,
      traceparent: call.span.traceparent,
      // The caller's own text, which redaction does not read: where the body is redacted it stays here.
      tracestate: sent.value.redaction === null ? parseTracestate(call.headers) : null,
      secret: brought ? openCredential(deps, call, brought, dataKey) : null,
    },
    redaction: sent.value.redaction,
  });
}

function translated(view: View, body: JsonObject, dialect: EngineRequest["dialect"], outputTokens: number): JsonObject {
  if (dialect === view.surface) return body;
  const made = translators[view.surface][dialect]?.request(body, {
    outputTokensDefault: outputTokens || LIMITS.reserveOutputTokensDefault,
  });
  if (!made) throw new Error(`no translation from ${view.surface} to ${dialect}`);
  if (made.ok) return made.value;
  throw new ProblemError(made.error.reason === "unsupported" ? "unsupported-parameter" : "invalid-request", {
    param: made.error.param,
    detail: made.error.detail,
  });
}
