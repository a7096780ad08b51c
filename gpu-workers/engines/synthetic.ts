import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { TensorBroken } from "../../shared/oip/broken.ts";
import { identityAnswer } from "../../shared/oip/identity.ts";
import { EngineFailed, type LocalEngine, type LocalEvent, type LocalRequest } from "./engine.ts";

export interface SyntheticEngineOptions {
  models: readonly { id: string; digest: string | null }[];
  /** 0: as fast as it is read. */
  tokensPerS: number;
}

const DIALECTS: readonly Dialect[] = ["openai.chat", "openai.completions", "openai.embeddings", "oip.infer"];
const WORDS = "a calm river carries many small boats past old stone bridges toward the quiet open sea".split(" ");
const TOKENS_DEFAULT = 24;
const TOKENS_MAX = 100_000;
const DIMENSIONS_DEFAULT = 256;

/**
 * Answers without a model: the same request always gets the same bytes, whichever worker answers it, and each says
 * `"synthetic": true`. Tokens are words; a prompt's are counted in words too.
 */
export function syntheticEngine({ models, tokensPerS }: SyntheticEngineOptions): LocalEngine {
  return {
    describe: async () => ({
      ...{ kind: "synthetic", version: null, models: [...models], dialects: [...DIALECTS], continuation: false },
    }),
    load: async () => ({ ready: true, running: null, waiting: 0, cache: null }),

    async *execute(request, signal): AsyncGenerator<LocalEvent, void> {
      if (!models.some(({ id }) => id === request.model))
        throw new EngineFailed({ reason: "model_mismatch", message: "the engine does not serve the pinned model" });
      if (!DIALECTS.includes(request.dialect))
        throw new EngineFailed({ reason: "failed", message: `the engine does not speak ${request.dialect}` });
      const pieces = PIECES[request.dialect]?.(request) ?? texts(request);
      yield { kind: "head" };
      let tokens = 0;
      const started = performance.now();
      for (const piece of pieces) {
        tokens += piece.tokens;
        // Due times count from the start, so that waits that run late do not add up.
        const dueMs = tokensPerS > 0 ? started + (tokens * 1000) / tokensPerS - performance.now() : 0;
        if (dueMs >= 1) await wait(dueMs, null, { signal }).catch(() => undefined);
        if (signal.aborted) throw new EngineFailed({ reason: "canceled" });
        if (piece.text !== "") yield { kind: "chunk", raw: Buffer.from(piece.text) };
      }
    },
  };
}

interface Piece {
  text: string;
  tokens: number;
}

const seedOf = (value: unknown): Buffer => createHash("sha256").update(JSON.stringify(value)).digest();

function countOf(...values: (JsonValue | undefined)[]): number | null {
  const counts = values.filter((value) => typeof value === "number" && Number.isInteger(value) && value >= 1);
  return counts.length === 0 ? null : Math.min(...counts.map(Number));
}

/** Frames of a stream, or one body. */
function* texts({ dialect, model, body, stream }: LocalRequest): Generator<Piece> {
  const chat = dialect === "openai.chat";
  const prompt = chat ? body.messages : body.prompt;
  const seed = seedOf([model, prompt ?? null, body.seed ?? null]);
  const cap = Math.min(countOf(body.max_tokens, body.max_completion_tokens) ?? TOKENS_MAX, TOKENS_MAX);
  const wanted = countOf(body.min_tokens) ?? TOKENS_DEFAULT + ((seed[0] ?? 0) % TOKENS_DEFAULT);
  const count = Math.min(wanted, cap);
  const finish = count < wanted ? "length" : "stop";
  const word = (i: number): string => `${i === 0 ? "" : " "}${WORDS[((seed[i % 32] ?? 0) + i) % WORDS.length]}`;
  const promptTokens = Math.max(1, JSON.stringify(prompt ?? "").split(/\s+/).length);
  const usage = { prompt_tokens: promptTokens, completion_tokens: count, total_tokens: promptTokens + count };
  const object = `${chat ? "chat.completion" : "text_completion"}${stream && chat ? ".chunk" : ""}`;
  const id = `${chat ? "chatcmpl" : "cmpl"}-synthetic-${seed.toString("hex", 0, 8)}`;
  // A fixed instant: a time of its own would make two answers to one request differ.
  const envelope = { id, object, created: 0, model, synthetic: true };
  if (!stream) {
    const text = Array.from({ length: count }, (_, i) => word(i)).join("");
    const choice = chat ? { message: { role: "assistant", content: text } } : { text };
    const choices = [{ index: 0, ...choice, logprobs: null, finish_reason: finish }];
    yield { text: "", tokens: count };
    yield { text: JSON.stringify({ ...envelope, choices, usage }), tokens: 0 };
    return;
  }
  const frame = (choices: JsonValue[], rest: JsonObject = {}): string =>
    `data: ${JSON.stringify({ ...envelope, choices, ...rest })}\n\n`;
  const choice = (content: string | null, finish_reason: string | null): JsonValue[] => [
    chat
      ? { index: 0, delta: content === null ? {} : { content }, logprobs: null, finish_reason }
      : { index: 0, text: content ?? "", logprobs: null, finish_reason },
  ];
  if (chat)
    yield { text: frame([{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }]), tokens: 0 };
  for (let i = 0; i < count; i++) yield { text: frame(choice(word(i), null)), tokens: 1 };
  yield { text: frame(choice(null, finish)), tokens: 0 };
  const options = body.stream_options;
  if (isJsonObject(options) && options.include_usage === true) yield { text: frame([], { usage }), tokens: 0 };
  yield { text: "data: [DONE]\n\n", tokens: 0 };
}

/** A unit vector for each text, from its digest. */
function* embeddings({ model, body }: LocalRequest): Generator<Piece> {
  const inputs = typeof body.input === "string" ? [body.input] : body.input;
  const dimensions = body.dimensions === undefined ? DIMENSIONS_DEFAULT : (countOf(body.dimensions) ?? 0);
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > LIMITS.embeddingInputsMax)
    throw refused("input must be a text or texts", "input");
  if (dimensions < 1 || dimensions > LIMITS.embeddingDimensionsMax)
    throw refused(`dimensions must be 1 to ${LIMITS.embeddingDimensionsMax}`, "dimensions");
  const data = inputs.map((input, index): JsonValue => {
    const seed = seedOf(input);
    const raw = Float32Array.from({ length: dimensions }, (_, i) => (seed[i % 32] ?? 0) - 127.5 + (i >> 5));
    const norm = Math.hypot(...raw);
    const vector = raw.map((value) => value / norm);
    const base64 = (): string => {
      const bytes = Buffer.alloc(vector.length * 4);
      for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4);
      return bytes.toString("base64");
    };
    return { object: "embedding", index, embedding: body.encoding_format === "base64" ? base64() : [...vector] };
  });
  const tokens = Math.max(1, JSON.stringify(inputs).split(/\s+/).length);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  yield { text: JSON.stringify({ object: "list", data, model, usage, synthetic: true }), tokens: 0 };
}

/** The tensors that were given, as they came. */
function* tensors({ model, body }: LocalRequest): Generator<Piece> {
  try {
    yield { text: JSON.stringify(identityAnswer(body, model)), tokens: 0 };
  } catch (thrown) {
    throw thrown instanceof TensorBroken ? refused(thrown.message, "inputs") : thrown;
  }
}

const PIECES: Readonly<Partial<Record<Dialect, (request: LocalRequest) => Generator<Piece>>>> = {
  "openai.embeddings": embeddings,
  "oip.infer": tensors,
};

const refused = (message: string, param: string): EngineFailed =>
  new EngineFailed({ reason: "rejected", status: 400, message, code: "invalid_value", param });
