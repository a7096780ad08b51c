import { isJsonObject, type JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import type { Call } from "../context.ts";
import { countImages } from "../dialects/input-bound.ts";
import type { ProblemShape } from "../problem.ts";

/** What the shared steps of inference must know about a surface. */
export interface View {
  surface: Dialect;
  /** Form of errors on this surface. */
  shape: ProblemShape;
  /** Id of the operation, as task and ledger name it. */
  operation: string;
  action: string;
  /** Prefix and form of answer ids where answers are translated. */
  answerId(task: string): string;
}

/** What a request asks of an engine, read from its body once. */
export interface Features {
  model: string;
  intent: string | null;
  stream: boolean;
  tools: boolean;
  images: boolean;
  structured_output: boolean;
  /** Choices that the caller asks for. */
  choices: number;
  includeUsage: boolean;
}

const some = (value: unknown): boolean => Array.isArray(value) && value.length > 0;
const formatOf = (body: JsonObject): unknown => {
  const text = isJsonObject(body.text) ? body.text.format : undefined;
  const output = isJsonObject(body.output_config) ? body.output_config.format : undefined;
  return body.response_format ?? text ?? output;
};

export function featuresOf(surface: Dialect, body: JsonObject, call: Pick<Call, "headers">, model: string): Features {
  const format = formatOf(body);
  return {
    model,
    intent: call.headers.get("x-bailiwick-intent"),
    stream: body.stream === true && surface !== "openai.embeddings" && surface !== "oip.infer",
    tools: some(body.tools) || some(body.functions),
    images: countImages(surface, body) > 0,
    structured_output: isJsonObject(format) && format.type !== "text",
    choices: typeof body.n === "number" ? body.n : 1,
    includeUsage: isJsonObject(body.stream_options) && body.stream_options.include_usage === true,
  };
}
