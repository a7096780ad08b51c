import type { Dialect, Engine, EngineRequest } from "../../../shared/contracts/ports/engine.ts";
import type { EngineOptions } from "../engine-options.ts";
import { upstreamEngine } from "../upstream/engine.ts";
import { joinUrl } from "../upstream/spec.ts";

const API_VERSION = "2024-10-21";
const PATHS: Readonly<Partial<Record<Dialect, string>>> = {
  "openai.chat": "/chat/completions",
  "openai.completions": "/completions",
  "openai.embeddings": "/embeddings",
};

/** `<deployment>` or `<deployment>@<model>`: Azure answers with the model's name, which a deployment need not carry. */
export function deploymentOf(model: string): { deployment: string; pinned: string } {
  const at = model.indexOf("@");
  if (at === -1) return { deployment: model, pinned: model };
  return { deployment: model.slice(0, at), pinned: model.slice(at + 1) };
}

/** Azure OpenAI: deployment in the path, `api-version` in the query, key in `api-key`. `base_url` is the resource's host. */
export function azureOpenaiEngine(options: EngineOptions): Engine {
  const { provider } = options;
  const base = provider.base_url;
  if (base === null) throw new Error(`provider ${provider.name}: azure-openai needs base_url`);
  const query = `?api-version=${encodeURIComponent(provider.api_version ?? API_VERSION)}`;
  const engine = upstreamEngine(options, {
    capabilities: {
      dialects: provider.dialects ?? ["openai.chat", "openai.completions", "openai.embeddings"],
      streaming: true,
      tools: true,
      vision: true,
      structured_output: true,
      locality: provider.locality,
      cancellation: true,
      synthetic: false,
    },
    target({ dialect, body }) {
      const { deployment } = deploymentOf(String(body.model));
      const path =
        dialect === "openai.responses"
          ? "/openai/responses"
          : `/openai/deployments/${encodeURIComponent(deployment)}${PATHS[dialect] ?? unspoken(dialect)}`;
      return { url: joinUrl(base, path) + query, body: { ...body, model: deployment } };
    },
    headers: (secret) => (secret === null ? {} : { "api-key": secret }),
    healthUrl: joinUrl(base, "/openai/models") + query,
    requestIdHeader: "apim-request-id",
  });
  const pin = (request: EngineRequest): EngineRequest => ({ ...request, model: deploymentOf(request.model).pinned });
  return { ...engine, execute: (request, signal) => engine.execute(pin(request), signal) };
}

function unspoken(dialect: Dialect): never {
  throw new Error(`Azure OpenAI does not speak ${dialect}`);
}
