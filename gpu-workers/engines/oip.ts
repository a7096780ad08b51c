import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { WorkerEngine } from "../../shared/contracts/worker-protocol.ts";
import { TensorBroken } from "../../shared/oip/broken.ts";
import { inferAnswerOf, inferRequestOf } from "../../shared/oip/predict.ts";
import { floatsOf, textTensor } from "../../shared/oip/tensor.ts";
import type { Declared, ModelMetadata } from "../../shared/oip/wire.ts";
import { EngineFailed, type EngineLoad, type LocalEngine, type LocalEvent, type LocalRequest } from "./engine.ts";
import { OipClient } from "./oip-client.ts";

export interface OipEngineOptions {
  /** The server's root; the protocol's paths are below `/v2`. */
  url: URL;
  /** The protocol lists no models: those to offer, with digests of their weights. */
  models: readonly { id: string; digest: string | null }[];
}

/** A model that makes vectors of texts: one input of texts, one output of a vector each. */
interface Embedder {
  metadata: ModelMetadata;
  input: Declared;
  output: Declared;
}

/**
 * A server of the Open Inference Protocol v2: Triton, KServe, MLServer. Every model takes and answers tensors
 * (`oip.infer`), held against what it declares; one with one input of texts (`BYTES`) and one output of a floating-point
 * vector a text answers embeddings too. Tokens are not told by the protocol, so answers state no usage, and the call's
 * bound is charged.
 */
export function oipEngine({ url, models }: OipEngineOptions): LocalEngine {
  const client = new OipClient(url);
  const declared = new Map<string, ModelMetadata>();
  const embedders = new Map<string, Embedder>();
  let binary = false;

  async function* embeddings(request: LocalRequest, signal: AbortSignal): AsyncGenerator<LocalEvent, void> {
    const embedder = embedders.get(request.model);
    if (embedder === undefined)
      throw new EngineFailed({ reason: "model_mismatch", message: "the engine does not serve the pinned model" });
    const texts = textsOf(request.body);
    const { metadata, input, output } = embedder;
    const shape = input.shape.length === 1 ? [texts.length] : [texts.length, 1];
    const answer = await client.infer(
      request.model,
      metadata,
      { id: request.task, inputs: [textTensor(input.name, shape, texts)], outputs: [output.name] },
      { binary, traceparent: request.traceparent, signal },
    );
    const tensor = answer.outputs.get(output.name);
    const width = tensor?.shape[1];
    if (tensor === undefined || width === undefined || tensor.shape[0] !== texts.length)
      throw new EngineFailed({ reason: "failed", message: "the engine answered another number of vectors" });
    const base64 = request.body.encoding_format === "base64";
    const floats = floatsOf(tensor);
    const data = texts.map((_, index): JsonValue => {
      const vector = floats.subarray(index * width, (index + 1) * width);
      return { object: "embedding", index, embedding: base64 ? base64Floats(vector) : Array.from(vector) };
    });
    yield { kind: "head" };
    yield { kind: "chunk", raw: Buffer.from(JSON.stringify({ object: "list", data, model: request.model })) };
  }

  async function* tensors({ task, model, body, traceparent }: LocalRequest, signal: AbortSignal) {
    const metadata = declared.get(model);
    if (metadata === undefined)
      throw new EngineFailed({ reason: "model_mismatch", message: "the engine does not serve the pinned model" });
    const request = asked(body, task);
    const answer = await client.infer(model, metadata, request, { binary, traceparent, signal });
    const made = inferAnswerOf(answer, answer.outputs.values(), request);
    yield { kind: "head" } as const;
    yield { kind: "chunk", raw: Buffer.from(JSON.stringify(made)) } as const;
  }

  return {
    async describe(signal): Promise<WorkerEngine> {
      const server = await client.server(signal);
      if (
        !(await client.ready(
          models.map(({ id }) => id),
          signal,
        ))
      )
        throw new Error("the engine is not ready");
      binary = server.binary;
      for (const { id } of models) {
        const metadata = await client.model(id, signal);
        declared.set(id, metadata);
        const embedder = embedderOf(metadata);
        if (embedder === null) embedders.delete(id);
        else embedders.set(id, embedder);
      }
      return {
        ...{ kind: "oip", version: `${server.name} ${server.version}`.slice(0, 128), models: [...models] },
        dialects: embedders.size > 0 ? ["oip.infer", "openai.embeddings"] : ["oip.infer"],
        continuation: false,
      };
    },

    async load(signal): Promise<EngineLoad> {
      const none = { running: null, waiting: 0, cache: null };
      try {
        return {
          ready: await client.ready(
            models.map(({ id }) => id),
            signal,
          ),
          ...none,
        };
      } catch {
        // Whatever it was, the engine takes no work now; the reason shows in the engine's own log.
        return { ready: false, ...none };
      }
    },

    async *execute(request, signal) {
      if (request.dialect === "oip.infer") yield* tensors(request, signal);
      else if (request.dialect === "openai.embeddings") yield* embeddings(request, signal);
      else throw new EngineFailed({ reason: "failed", message: `the engine does not speak ${request.dialect}` });
    },
  };
}

/** @throws EngineFailed for tensors that are not what they say; the cell refused them before, so nobody was charged. */
function asked(body: JsonObject, task: string) {
  try {
    return inferRequestOf(body, task);
  } catch (cause) {
    if (!(cause instanceof TensorBroken)) throw cause;
    const { message } = cause;
    throw new EngineFailed(
      { reason: "rejected", status: 400, message, code: "invalid_value", param: "inputs" },
      { cause },
    );
  }
}

/** The one way to use a model for embeddings; null where there is none or more than one. */
function embedderOf(metadata: ModelMetadata): Embedder | null {
  const [input, ...moreInputs] = metadata.inputs ?? [];
  const [output, ...moreOutputs] = metadata.outputs ?? [];
  if (input?.datatype !== "BYTES" || moreInputs.length > 0 || output === undefined || moreOutputs.length > 0)
    return null;
  const inputs = input.shape.length === 1 || (input.shape.length === 2 && [1, -1].includes(input.shape[1] ?? 0));
  const outputs = output.shape.length === 2 && ["FP16", "BF16", "FP32", "FP64"].includes(output.datatype);
  return inputs && outputs ? { metadata, input, output } : null;
}

/** @throws EngineFailed for inputs that are no texts: the model has its own tokens. */
function textsOf({ input }: JsonObject): string[] {
  const texts = typeof input === "string" ? [input] : input;
  if (!Array.isArray(texts) || texts.length === 0 || texts.length > LIMITS.embeddingInputsMax || !texts.every(isText))
    throw new EngineFailed({
      ...{ reason: "rejected", status: 400, message: "input must be a text or texts", code: "invalid_value" },
      param: "input",
    });
  return texts;
}
const isText = (value: JsonValue): value is string => typeof value === "string";

/** OpenAI's `base64` encoding: little-endian 32-bit floats. */
function base64Floats(vector: Float64Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes.toString("base64");
}
