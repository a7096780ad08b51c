import type { Engine } from "../../../shared/contracts/ports/engine.ts";
import type { EngineOptions } from "../engine-options.ts";
import { upstreamEngine } from "../upstream/engine.ts";
import { joinUrl } from "../upstream/spec.ts";

const ANTHROPIC = "https://api.anthropic.com";
const VERSION = "2023-06-01";

/** Anthropic's Messages API. `base_url` with or without its `/v1`; `api_version` is the `anthropic-version` header. */
export function anthropicEngine(options: EngineOptions): Engine {
  const { provider } = options;
  const base = joinUrl(provider.base_url ?? ANTHROPIC, "").replace(/\/v1$/, "");
  const version = provider.api_version ?? VERSION;
  return upstreamEngine(options, {
    capabilities: {
      dialects: provider.dialects ?? ["anthropic.messages"],
      streaming: true,
      tools: true,
      vision: true,
      structured_output: true,
      locality: provider.locality,
      cancellation: true,
      synthetic: false,
    },
    target({ dialect, body }) {
      if (dialect !== "anthropic.messages") throw new Error(`Anthropic does not speak ${dialect}`);
      return { url: `${base}/v1/messages`, body };
    },
    headers: (secret) =>
      secret === null ? { "anthropic-version": version } : { "anthropic-version": version, "x-api-key": secret },
    healthUrl: `${base}/v1/models`,
    requestIdHeader: "request-id",
  });
}
