import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect, Engine } from "../../../shared/contracts/ports/engine.ts";
import { countOf } from "../../dialects/json-read.ts";
import type { EngineOptions } from "../engine-options.ts";
import { upstreamEngine } from "../upstream/engine.ts";
import { joinUrl } from "../upstream/spec.ts";

const OPENAI = "https://api.openai.com/v1";
const PATHS: Readonly<Partial<Record<Dialect, string>>> = {
  "openai.chat": "/chat/completions",
  "openai.responses": "/responses",
  "openai.completions": "/completions",
  "openai.embeddings": "/embeddings",
};

/**
 * OpenAI and servers of its shape: vLLM, Ollama, llama.cpp, and most hosted APIs. `base_url` ends where OpenAI's does,
 * after `/v1`. Without `dialects`, OpenAI itself is asked in chat, Responses and embeddings, others in what they share.
 */
export function openaiEngine(options: EngineOptions): Engine {
  const { provider } = options;
  const base = provider.base_url ?? OPENAI;
  const isOpenai = base.startsWith("https://api.openai.com/");
  const dialects: readonly Dialect[] =
    provider.dialects ??
    (isOpenai
      ? ["openai.chat", "openai.responses", "openai.embeddings"]
      : ["openai.chat", "openai.completions", "openai.embeddings"]);
  return upstreamEngine(options, {
    capabilities: {
      dialects,
      streaming: true,
      tools: true,
      vision: true,
      structured_output: true,
      locality: provider.locality,
      cancellation: true,
      synthetic: false,
    },
    target: ({ dialect, body }) => ({
      url: joinUrl(base, PATHS[dialect] ?? unspoken(dialect)),
      body: isOpenai || dialect !== "openai.chat" ? body : withMaxTokens(body),
    }),
    headers: (secret) => (secret === null ? {} : { authorization: `Bearer ${secret}` }),
    healthUrl: joinUrl(base, "/models"),
    requestIdHeader: "x-request-id",
  });
}

function unspoken(dialect: Dialect): never {
  throw new Error(`an OpenAI-shaped engine does not speak ${dialect}`);
}

/**
 * Servers that never heard of `max_completion_tokens` ignore it, and a hard cap that is ignored is none. All of them know
 * `max_tokens`, which only OpenAI's own reasoning models refuse.
 */
function withMaxTokens(body: JsonObject): JsonObject {
  const cap = countOf(body.max_completion_tokens);
  if (cap === null) return body;
  const { max_completion_tokens: _, ...rest } = body;
  return { ...rest, max_tokens: Math.min(cap, countOf(body.max_tokens) ?? cap) };
}
