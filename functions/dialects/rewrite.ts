import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { countOf, objectOf } from "./json-read.ts";

export interface Rewrite {
  /** Exact model id of the engine. */
  model: string;
  stream: boolean;
  /** Hard cap of output tokens; null for none. */
  outputTokensMax: number | null;
}

/** Members by which a caller may bound output; the first is added when the caller gave none. */
const OUTPUT_CAPS: Readonly<Record<Dialect, readonly string[]>> = {
  "openai.chat": ["max_completion_tokens", "max_tokens"],
  "openai.completions": ["max_tokens"],
  "openai.responses": ["max_output_tokens"],
  "openai.embeddings": [],
  "anthropic.messages": ["max_tokens"],
  "oip.infer": [],
};

/**
 * The body that goes to an engine, as a shallow copy: exact model, stream flag, usage asked for, output capped. Stored
 * state is the cell's alone, so an engine is told to keep nothing. Other members pass through.
 */
export function rewriteRequest(dialect: Dialect, body: JsonObject, rewrite: Rewrite): JsonObject {
  const made: JsonObject = { ...body, model: rewrite.model };
  if (dialect === "openai.embeddings" || dialect === "oip.infer") {
    delete made.stream;
    return made;
  }
  made.stream = rewrite.stream;
  if (dialect === "openai.chat" || dialect === "openai.completions") {
    // Upstreams refuse stream options without a stream.
    if (rewrite.stream) made.stream_options = { ...objectOf(body.stream_options), include_usage: true };
    else delete made.stream_options;
  }
  if (dialect === "openai.chat" && made.store !== undefined) made.store = false;
  if (dialect === "openai.responses") {
    made.store = false;
    for (const name of ["previous_response_id", "conversation", "background"]) delete made[name];
  }
  if (rewrite.outputTokensMax !== null) capOutput(made, OUTPUT_CAPS[dialect], rewrite.outputTokensMax);
  return made;
}

function capOutput(made: JsonObject, names: readonly string[], max: number): void {
  const given = names.filter((name) => countOf(made[name]) !== null);
  for (const name of given) made[name] = Math.min(countOf(made[name]) ?? max, max);
  const [first] = names;
  if (given.length === 0 && first !== undefined) made[first] = max;
}

/** The caller's own output cap; null when there is none. */
export function outputCap(dialect: Dialect, body: JsonObject): number | null {
  const caps = OUTPUT_CAPS[dialect].map((name) => countOf(body[name])).filter((cap) => cap !== null);
  return caps.length === 0 ? null : Math.min(...caps);
}
