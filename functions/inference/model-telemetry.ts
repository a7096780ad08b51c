import type { ProviderConfig } from "../../shared/contracts/config/snapshot.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { Attributes, Span } from "../../shared/contracts/ports/telemetry.ts";
import { quantityOf, type UsageRow } from "../../shared/contracts/usage.ts";
import { GEN_AI, GEN_AI_OPERATION, GEN_AI_PROVIDER, genAiSpanName } from "../../shared/telemetry/gen-ai.ts";
import type { Hop } from "./plan.ts";

/** Labels of `gen_ai_*` metrics: the name that the caller asked for, and who answered with which exact model. */
export const modelLabels = (
  surface: Dialect,
  asked: string,
  answered: { provider: ProviderConfig; model: string } | null,
): Attributes => ({
  gen_ai_operation_name: GEN_AI_OPERATION[surface],
  gen_ai_provider_name: answered ? GEN_AI_PROVIDER[answered.provider.kind] : "none",
  gen_ai_request_model: asked,
  gen_ai_response_model: answered?.model ?? "",
});

/** The span of one try at an engine: a client span of the GenAI conventions, without content. */
export function modelSpan(parent: Span, { candidate, provider, route }: Hop, dialect: Dialect): Span {
  return parent.child(genAiSpanName(dialect, candidate.model), {
    [GEN_AI.operation]: GEN_AI_OPERATION[dialect],
    [GEN_AI.provider]: GEN_AI_PROVIDER[provider.kind],
    [GEN_AI.requestModel]: candidate.model,
    ...serverOf(provider),
    "bailiwick.provider": provider.name,
    "bailiwick.route": route,
  });
}

/** What the answer told, onto the span of the try that gave it. */
export const modelAnswered = (span: Span, model: string, rows: readonly UsageRow[]): void =>
  span.set({
    [GEN_AI.responseModel]: model,
    [GEN_AI.inputTokens]: quantityOf(rows, "tokens_in") + quantityOf(rows, "tokens_cached"),
    [GEN_AI.outputTokens]: quantityOf(rows, "tokens_out"),
  });

/** A provider lives as long as its snapshot: its address is parsed once. */
const servers = new WeakMap<ProviderConfig, Attributes>();
function serverOf(provider: ProviderConfig): Attributes {
  let server = servers.get(provider);
  if (server === undefined) {
    const url = provider.base_url === null ? null : URL.parse(provider.base_url);
    server = url === null ? {} : { [GEN_AI.serverAddress]: url.hostname, [GEN_AI.serverPort]: portOf(url) };
    servers.set(provider, server);
  }
  return server;
}
const portOf = (url: URL): number => Number(url.port) || (url.protocol === "https:" ? 443 : 80);
