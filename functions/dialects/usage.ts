import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { UsageRow } from "../../shared/contracts/usage.ts";
import { countOf, objectOf } from "./json-read.ts";

/** Tokens of one call. `input` counts everything that was read, cached tokens and cache writes included. */
export interface Tokens {
  input: number;
  cached: number;
  cacheWrites: number;
  output: number;
  reasoning: number;
}

/** OpenAI's two vocabularies differ in names only. */
const openai = (input: string, output: string) => ({
  read(usage: JsonObject): Tokens | null {
    const tokens = countOf(usage[input]);
    const made = countOf(usage[output] ?? 0);
    if (tokens === null || made === null) return null;
    const inputDetails = objectOf(usage[`${input}_details`]);
    const outputDetails = objectOf(usage[`${output}_details`]);
    return {
      input: tokens,
      cached: Math.min(tokens, countOf(inputDetails?.cached_tokens) ?? 0),
      cacheWrites: countOf(inputDetails?.cache_write_tokens) ?? 0,
      output: made,
      reasoning: countOf(outputDetails?.reasoning_tokens) ?? 0,
    };
  },
  write: (tokens: Tokens): JsonObject => ({
    [input]: tokens.input,
    [`${input}_details`]: { cached_tokens: tokens.cached, cache_write_tokens: tokens.cacheWrites },
    [output]: tokens.output,
    [`${output}_details`]: { reasoning_tokens: tokens.reasoning },
    total_tokens: tokens.input + tokens.output,
  }),
});
const chat = openai("prompt_tokens", "completion_tokens");
const responses = openai("input_tokens", "output_tokens");

/** Anthropic counts cache reads and writes beside `input_tokens`, not inside. */
const messages = {
  read(usage: JsonObject): Tokens | null {
    const input = countOf(usage.input_tokens);
    const output = countOf(usage.output_tokens);
    if (input === null || output === null) return null;
    const cached = countOf(usage.cache_read_input_tokens) ?? 0;
    const cacheWrites = countOf(usage.cache_creation_input_tokens) ?? 0;
    const reasoning = countOf(objectOf(usage.output_tokens_details)?.thinking_tokens) ?? 0;
    return { input: input + cached + cacheWrites, cached, cacheWrites, output, reasoning };
  },
  write: (tokens: Tokens): JsonObject => ({
    input_tokens: Math.max(0, tokens.input - tokens.cached - tokens.cacheWrites),
    cache_creation_input_tokens: tokens.cacheWrites,
    cache_read_input_tokens: tokens.cached,
    output_tokens: tokens.output,
  }),
};

/** How each dialect tells usage. `read` is null when a count is missing or no whole number: then nothing was reported. */
export const USAGE: Readonly<
  Record<Dialect, { read(usage: JsonObject): Tokens | null; write(t: Tokens): JsonObject }>
> = {
  "openai.chat": chat,
  "openai.completions": chat,
  "openai.embeddings": chat,
  "openai.responses": responses,
  "anthropic.messages": messages,
  // Tensor servers tell none: what is charged is known from the request.
  "oip.infer": chat,
};

/** Meter rows: `tokens_in` excludes `tokens_cached`; cache writes are charged as input. */
export function usageRows(tokens: Tokens): UsageRow[] {
  const rows: UsageRow[] = [{ meter: "tokens_in", quantity: tokens.input - tokens.cached }];
  if (tokens.cached > 0) rows.push({ meter: "tokens_cached", quantity: tokens.cached });
  rows.push({ meter: "tokens_out", quantity: tokens.output });
  return rows;
}

/** The same usage in the vocabulary of another dialect; null when it was not told. */
export function convertUsage(usage: JsonObject | null, from: Dialect, to: Dialect): JsonObject | null {
  const tokens = usage === null ? null : USAGE[from].read(usage);
  return tokens === null ? null : USAGE[to].write(tokens);
}
