import { onTestFinished } from "vitest";
import { anthropicEngine } from "../../functions/engines/anthropic/engine.ts";
import { azureOpenaiEngine } from "../../functions/engines/azure-openai/engine.ts";
import type { EngineOptions } from "../../functions/engines/engine-options.ts";
import { oipEngine } from "../../functions/engines/oip/engine.ts";
import { openaiEngine } from "../../functions/engines/openai/engine.ts";
import { syntheticEngine } from "../../functions/engines/synthetic/engine.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect, Engine, EngineRequest } from "../../shared/contracts/ports/engine.ts";
import { closedPort, engineOptions, engineProvider, testClock } from "../support/engine-options.ts";
import { type Fault, startMockUpstream } from "../support/mock-upstream.ts";
import { type EngineFixture, engineContract, type Trouble } from "./engine.contract.ts";

const BODIES: Readonly<Record<Dialect, JsonObject>> = {
  "openai.chat": { messages: [{ role: "user", content: "hello" }] },
  "openai.responses": { input: "hello" },
  "openai.completions": { prompt: "hello" },
  "openai.embeddings": { input: "hello" },
  "oip.infer": { inputs: [{ name: "x", datatype: "FP32", shape: [2], data: [1, 2] }] },
  "anthropic.messages": { max_tokens: 64, messages: [{ role: "user", content: "hello" }] },
};
let tasks = 0;
function requestFor(model: string): EngineFixture["request"] {
  return (dialect, stream): EngineRequest => {
    const body: JsonObject = { ...BODIES[dialect], model };
    if (dialect !== "openai.embeddings" && dialect !== "oip.infer") body.stream = stream;
    if (stream && (dialect === "openai.chat" || dialect === "openai.completions"))
      body.stream_options = { include_usage: true };
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    return { task: `task_${tasks++}`, dialect, body, stream, model, traceparent, tracestate: null, secret: null };
  };
}

const FAULTS: Readonly<Record<Exclude<Trouble, "unreachable">, Fault>> = {
  overloaded: { kind: "status", status: 429, headers: { "retry-after": "2" } },
  rejected: { kind: "status", status: 400 },
  unauthorized: { kind: "status", status: 401 },
  failed: { kind: "status", status: 500 },
  hang: { kind: "hang" },
  midstream: { kind: "cut", frames: 4 },
  model_mismatch: { kind: "model", reports: "another-model" },
};

function overHttp(make: (options: EngineOptions) => Engine, path: string, model: string) {
  return async (): Promise<EngineFixture> => {
    const mock = await startMockUpstream();
    onTestFinished(() => mock[Symbol.asyncDispose]());
    let base = mock.url;
    const build = (): Engine => make(engineOptions(`${base}${path}`, { try_timeout_ms: 300, idle_timeout_ms: 2_000 }));
    let engine = build();
    const fixture: EngineFixture = {
      get engine() {
        return engine;
      },
      request: requestFor(model),
      async trouble(trouble, request) {
        if (trouble === "unreachable") {
          base = await closedPort();
          engine = build();
        } else mock.fault = FAULTS[trouble];
        return request;
      },
      slow() {
        mock.fault = { kind: "slow", ms: 20 };
        return fixture;
      },
      upstreamGone: () => mock.clientGone(),
    };
    return fixture;
  };
}

engineContract(
  "openai",
  ["openai.chat", "openai.responses", "openai.completions", "openai.embeddings"],
  overHttp(
    (options) =>
      openaiEngine({
        ...options,
        provider: {
          ...options.provider,
          dialects: ["openai.chat", "openai.responses", "openai.completions", "openai.embeddings"],
        },
      }),
    "/v1",
    "model-a",
  ),
);
engineContract(
  "azure-openai",
  ["openai.chat", "openai.completions", "openai.embeddings"],
  overHttp(azureOpenaiEngine, "", "deployment-a"),
);
engineContract("anthropic", ["anthropic.messages"], overHttp(anthropicEngine, "", "claude-a"));

const MODELS: Readonly<Record<Trouble, string>> = {
  unreachable: "synthetic-fail-unreachable",
  overloaded: "synthetic-fail-overloaded",
  rejected: "synthetic-fail-rejected",
  unauthorized: "synthetic-fail-unauthorized",
  failed: "synthetic-fail-failed",
  hang: "synthetic-hang",
  midstream: "synthetic-midstream",
  model_mismatch: "synthetic-fail-mismatch",
};
function synthetic(tokensPerS: number): EngineFixture {
  const provider = engineProvider("synthetic", null, {
    try_timeout_ms: 50,
    synthetic: { tokens_per_s: tokensPerS, fail: "never" },
  });
  return {
    engine: syntheticEngine({ provider, clock: testClock }),
    request: requestFor("synthetic-small"),
    trouble: async (trouble, request) => ({
      ...request,
      model: MODELS[trouble],
      body: { ...request.body, model: MODELS[trouble] },
    }),
    slow: () => synthetic(20),
    upstreamGone: null,
  };
}
engineContract("oip", ["oip.infer"], overHttp(oipEngine, "", "model-a"));
engineContract("synthetic", ["openai.chat", "openai.completions", "openai.embeddings", "oip.infer"], async () =>
  synthetic(0),
);
