import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchError } from "../../../shared/contracts/ports/batch-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { parseStrictJson } from "../../../shared/crypto/strict-json.ts";
import type { Line } from "./lines.ts";

/** One request of a batch. */
export interface BatchRequest {
  customId: string;
  model: string;
  body: JsonObject;
}

const CUSTOM_ID_CHARS_MAX = 512;
const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The request of a line, or what is wrong with it (OpenAI's codes). */
export function parseLine(
  { line, bytes }: Pick<Line, "line" | "bytes">,
  endpoint: string,
): Result<BatchRequest, BatchError> {
  const bad = (code: string, message: string, param: string | null = null) => err({ code, line, message, param });
  if (bytes === null) return bad("line_too_long", `A line may have at most ${LIMITS.batchLineBytesMax} bytes.`);
  const parsed = parseStrictJson(bytes);
  if (!parsed.ok) return bad("invalid_json_line", "This line is not parseable as valid JSON.");
  const request = parsed.value;
  if (!isObject(request)) return bad("invalid_json_line", "This line is not a JSON object.");
  const { custom_id: customId, method, url, body } = request;
  if (typeof customId !== "string" || customId === "" || customId.length > CUSTOM_ID_CHARS_MAX)
    return bad("missing_required_parameter", "A line has a `custom_id`: a text that is not empty.", "custom_id");
  if (method !== "POST") return bad("invalid_method", "The method of a line is `POST`.", "method");
  if (url !== endpoint)
    return bad("mismatched_endpoint", `The \`url\` of a line is the batch's endpoint, ${endpoint}.`, "url");
  if (!isObject(body)) return bad("missing_required_parameter", "A line has a `body`: a JSON object.", "body");
  const { model } = body;
  if (typeof model !== "string" || model === "")
    return bad("missing_required_parameter", "The body of a line names a `model`.", "body.model");
  if (body.stream === true) return bad("unsupported_parameter", "Lines of a batch are not streamed.", "body.stream");
  if (body.background === true)
    return bad("unsupported_parameter", "Lines of a batch do not run in the background.", "body.background");
  return ok({ customId, model, body });
}
