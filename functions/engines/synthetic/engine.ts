import type { ProviderConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import {
  type Dialect,
  type Engine,
  EngineError,
  type EngineRequest,
  type ModelEvent,
} from "../../../shared/contracts/ports/engine.ts";
import { TensorBroken } from "../../../shared/oip/broken.ts";
import { identityAnswer } from "../../../shared/oip/identity.ts";
import { bytesOf } from "../../dialects/bytes.ts";
import { countOf, objectOf } from "../../dialects/json-read.ts";
import { planChat, planCompletion } from "./answer.ts";
import { base64Floats, embed, embeddingInputs } from "./embedding.ts";
import { type Mishap, mishapOf } from "./failures.ts";
import { Pace, waitFor } from "./pace.ts";
import { type Rendering, renderBody, renderFrames } from "./render.ts";
import { fnv1a, hex8 } from "./seeded.ts";
import { inputTokens } from "./words.ts";

export interface SyntheticOptions {
  provider: ProviderConfig;
  clock: Clock;
}

const DIMENSIONS_DEFAULT = 256;
/** Tokens that a stream delivers before it breaks. */
const MISHAP_AFTER_TOKENS = 3;
const DIALECTS: readonly Dialect[] = ["openai.chat", "openai.completions", "openai.embeddings", "oip.infer"];

/**
 * Answers without a model or network: the same request always gets the same answer. Bodies and closing chunks carry
 * `"synthetic": true`. See README.md beside this file for what can be asked of it.
 */
export function syntheticEngine({ provider, clock }: SyntheticOptions): Engine {
  const settings = provider.synthetic ?? { tokens_per_s: 0, fail: "never" as const };
  const running = new Map<string, Set<AbortController>>();

  async function* run(request: EngineRequest, signal: AbortSignal): AsyncGenerator<ModelEvent, undefined> {
    const mishap = mishapOf(request.model, settings.fail);
    if (signal.aborted) throw new EngineError({ reason: "canceled" });
    if (mishap?.kind === "at-once") throw new EngineError(mishap.failure);
    if (mishap?.kind === "hang") {
      await waitFor(provider.try_timeout_ms, signal);
      throw new EngineError({ reason: "timeout" });
    }
    const { dialect } = request;
    if (!DIALECTS.includes(dialect))
      throw new EngineError({ reason: "failed", status: null, message: `the engine does not speak ${dialect}` });
    yield { kind: "head", dialect, upstream_request: `synthetic-${hex8(fnv1a(request.task))}` };
    const pace = new Pace(clock, settings.tokens_per_s);
    if (dialect === "openai.chat" || dialect === "openai.completions")
      yield* generate(request, dialect, pace, mishap, signal);
    else {
      const made = dialect === "oip.infer" ? tensors : embeddings;
      yield { kind: "body", raw: bytesOf(JSON.stringify(made(request.body, request.model))) };
    }
    return undefined;
  }

  async function* generate(
    request: EngineRequest,
    dialect: Rendering["dialect"],
    pace: Pace,
    mishap: Mishap | null,
    signal: AbortSignal,
  ): AsyncGenerator<ModelEvent, undefined> {
    const answer = dialect === "openai.chat" ? planChat(request.body) : planCompletion(request.body);
    const rendering: Rendering = { dialect, model: request.model, createdS: Math.floor(clock.now() / 1000), answer };
    if (!request.stream) {
      await pace.tokens(answer.completionTokens, signal);
      if (mishap !== null) throw broken();
      yield { kind: "body", raw: bytesOf(JSON.stringify(renderBody(rendering))) };
      return undefined;
    }
    const includeUsage = objectOf(request.body.stream_options)?.include_usage === true;
    let tokens = 0;
    for (const frame of renderFrames(rendering, includeUsage, mishap?.kind !== "truncate")) {
      if (frame.token) {
        if (mishap !== null && ++tokens > MISHAP_AFTER_TOKENS) {
          if (mishap.kind === "midstream") throw broken();
          return undefined;
        }
        await pace.tokens(1, signal);
      } else if (signal.aborted) throw new EngineError({ reason: "canceled" });
      yield { kind: "chunk", raw: frame.raw };
    }
    return undefined;
  }

  return {
    id: provider.name,
    describeCapabilities: () => ({
      dialects: DIALECTS,
      streaming: true,
      tools: true,
      vision: true,
      structured_output: true,
      locality: provider.locality,
      cancellation: true,
      synthetic: true,
    }),
    execute: (request, signal) => ({
      [Symbol.asyncIterator]() {
        const stop = new AbortController();
        const calls = running.get(request.task) ?? new Set();
        calls.add(stop);
        running.set(request.task, calls);
        return stoppable(run(request, AbortSignal.any([signal, stop.signal])), stop, () => {
          calls.delete(stop);
          if (calls.size === 0) running.delete(request.task);
        });
      },
    }),
    health: async () =>
      settings.fail === "unreachable" ? { ready: false, reason: "unreachable" } : { ready: true, reason: null },
    cancel(task) {
      for (const call of running.get(task) ?? []) call.abort();
    },
  };
}

const broken = (): EngineError =>
  new EngineError({ reason: "failed", status: null, message: "the synthetic engine was told to break off" });

/** A generator whose `return` does not wait behind a pending `next`. `over` is called once. */
function stoppable(
  events: AsyncGenerator<ModelEvent, undefined>,
  stop: AbortController,
  over: () => void,
): AsyncIterator<ModelEvent, undefined> {
  return {
    async next() {
      try {
        const result = await events.next();
        if (result.done) over();
        return result;
      } catch (error) {
        over();
        throw error;
      }
    },
    async return() {
      over();
      stop.abort();
      return events.return(undefined);
    },
  };
}

/** The tensors that were given, as they came. */
function tensors(body: JsonObject, model: string): JsonObject {
  try {
    return identityAnswer(body, model);
  } catch (thrown) {
    if (!(thrown instanceof TensorBroken)) throw thrown;
    throw new EngineError({ reason: "rejected", status: 400, message: thrown.message, code: null, param: "inputs" });
  }
}

function embeddings(body: JsonObject, model: string): JsonObject {
  const inputs = embeddingInputs(body.input);
  const dimensions = body.dimensions === undefined ? DIMENSIONS_DEFAULT : countOf(body.dimensions);
  const reject = (message: string, param: string): EngineError =>
    new EngineError({ reason: "rejected", status: 400, message, code: "invalid_value", param });
  if (inputs === null) throw reject("input must be text, texts or tokens", "input");
  if (dimensions === null || dimensions < 1 || dimensions > LIMITS.embeddingDimensionsMax)
    throw reject(`dimensions must be 1 to ${LIMITS.embeddingDimensionsMax}`, "dimensions");
  const base64 = body.encoding_format === "base64";
  let tokens = 0;
  const data = inputs.map((input, index) => {
    tokens += input.tokens ?? inputTokens(input.text);
    const vector = embed(input.text, dimensions);
    return { object: "embedding", index, embedding: base64 ? base64Floats(vector) : Array.from(vector) };
  });
  return { object: "list", data, model, usage: { prompt_tokens: tokens, total_tokens: tokens }, synthetic: true };
}
