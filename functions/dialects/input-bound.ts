import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";

/** Role marks and separators that chat templates add around one message or tool. */
const TOKENS_PER_ITEM = 16;
/** Longest shortest form of a double: `-2.2250738585072014e-308`. */
const DIGITS_MAX = 24;
/** Members that carry text to the model, per dialect. */
const READ: Readonly<Record<Dialect, readonly string[]>> = {
  "openai.chat": ["messages", "tools", "functions", "response_format", "prediction"],
  "openai.responses": ["instructions", "input", "tools", "text"],
  "openai.completions": ["prompt", "suffix"],
  "openai.embeddings": ["input"],
  "anthropic.messages": ["system", "messages", "tools", "output_config"],
  "oip.infer": [],
};
/** Part types whose payload is an image, charged by the model's table instead of by its bytes. */
const IMAGE_TYPES = new Set(["image_url", "input_image", "image"]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII.
const NOT_ASCII = /[^\x00-\x7f]/;

/** UTF-8 length without encoding; a lone surrogate counts as the replacement character that it becomes. */
export function utf8Bytes(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else {
      bytes += 2;
      // A pair is two units and four bytes, so its second half adds nothing.
      if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) i++;
    }
  }
  return bytes;
}

/**
 * An upper bound of input tokens: UTF-8 bytes of every text that the model reads (no tokenizer makes more tokens than
 * bytes), member names of tool schemas included, plus a template allowance per element and `imageTokens` per image.
 */
export function inputTokensBound(dialect: Dialect, body: JsonObject, imageTokens: number): number {
  // Tensors are no tokens: elements and calls are metered.
  if (dialect === "oip.infer") return 0;
  const tokenArrays = dialect === "openai.completions" || dialect === "openai.embeddings";
  let bound = TOKENS_PER_ITEM;
  for (const name of READ[dialect]) bound += weigh(body[name], imageTokens, tokenArrays);
  return bound;
}

function weigh(value: JsonValue | undefined, imageTokens: number, tokenArrays: boolean): number {
  if (typeof value === "string") return utf8Bytes(value);
  if (typeof value === "number") return DIGITS_MAX;
  if (typeof value === "boolean" || value === null) return "false".length;
  if (value === undefined) return 0;
  if (Array.isArray(value)) {
    // Prompts and embedding inputs may be tokens already.
    if (tokenArrays && typeof value[0] === "number") return value.length;
    let sum = 0;
    for (const element of value) sum += weigh(element, imageTokens, tokenArrays) + TOKENS_PER_ITEM;
    return sum;
  }
  if (isImage(value)) return imageTokens;
  let sum = 0;
  // Quotes, colon and comma around a member.
  for (const name of Object.keys(value)) sum += utf8Bytes(name) + 4 + weigh(value[name], imageTokens, tokenArrays);
  return sum;
}

const isImage = (value: JsonObject): boolean => typeof value.type === "string" && IMAGE_TYPES.has(value.type);

/** Image parts of a request: what policy features and vision capability ask about. */
export function countImages(dialect: Dialect, body: JsonObject): number {
  let images = 0;
  const visit = (value: JsonValue | undefined): void => {
    if (Array.isArray(value)) for (const element of value) visit(element);
    else if (isJsonObject(value)) {
      if (isImage(value)) images++;
      else for (const name of ["content", "output"]) visit(value[name]);
    }
  };
  for (const name of ["messages", "input"]) if (READ[dialect].includes(name)) visit(body[name]);
  return images;
}
