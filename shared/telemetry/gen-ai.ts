import type { EngineKind } from "../contracts/config/snapshot.ts";
import type { Dialect } from "../contracts/ports/engine.ts";

/** Attribute names of the OpenTelemetry GenAI semantic conventions; content attributes are left out on purpose. */
export const GEN_AI = {
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  conversation: "gen_ai.conversation.id",
  requestModel: "gen_ai.request.model",
  requestMaxTokens: "gen_ai.request.max_tokens",
  requestChoices: "gen_ai.request.choice.count",
  outputType: "gen_ai.output.type",
  responseId: "gen_ai.response.id",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  serverAddress: "server.address",
  serverPort: "server.port",
  errorType: "error.type",
} as const;

/** `gen_ai.operation.name` of each dialect. */
export const GEN_AI_OPERATION: Record<Dialect, "chat" | "text_completion" | "embeddings" | "predict"> = {
  "openai.chat": "chat",
  "openai.responses": "chat",
  "openai.completions": "text_completion",
  "openai.embeddings": "embeddings",
  "anthropic.messages": "chat",
  // None of the conventions' well-known values; they allow others.
  "oip.infer": "predict",
};

/** `gen_ai.provider.name`: the conventions' well-known value where there is one. */
export const GEN_AI_PROVIDER: Record<EngineKind, string> = {
  openai: "openai",
  "azure-openai": "azure.ai.openai",
  anthropic: "anthropic",
  synthetic: "bailiwick.synthetic",
  pool: "bailiwick.pool",
  oip: "bailiwick.oip",
};

/** Name of a span around one model call: `{operation} {model}`. */
export const genAiSpanName = (dialect: Dialect, model: string): string => `${GEN_AI_OPERATION[dialect]} ${model}`;
