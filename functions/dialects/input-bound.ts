import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";

/** Role marks and separators that chat templates add around one message or tool. */
const TOKENS_PER_ITEM = 16;
/** Members that carry text to the model, per dialect. */
const READ: Readonly<Record<Dialect, readonly string[]>> = {
  "openai.chat": ["messages", "tools", "functions", "response_format", "prediction"],
  "openai.responses": ["instructions", "input", "tools", "text"],
  "openai.completions": ["prompt", "suffix"],
  "openai.embeddings": ["input"],
  "anthropic.messages": ["system", "messages", "tools", "output_config"],
};
/** Part types whose payload is an image, charged by the model's table instead of by its bytes. */
const IMAGE_TYPES = new Set(["image_url", "input_image", "image"]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for ASCII.
const NOT_ASCII = /[^\x00-\x7f]/;

/** UTF-8 length without encoding. */
export function utf8Bytes(text: string): number {
  if (!NOT_ASCII.test(text)) return text.length;
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // A surrogate pair is 4 bytes over 2 units; counting 2 for each half is exact, a lone half becomes U+FFFD: 3 bytes.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/**
 * An upper bound of input tokens: UTF-8 bytes of every text that the model reads (no tokenizer makes more tokens than
 * bytes), member names of tool schemas included, plus a template allowance per element and `imageTokens` per image.
 */
export function inputTokensBound(dialect: Dialect, body: JsonObject, imageTokens: number): number {
  let bound = TOKENS_PER_ITEM;
  for (const name of READ[dialect]) bound += weigh(body[name], imageTokens);
  return bound;
}

function weigh(value: JsonValue | undefined, imageTokens: number): number {
  if (typeof value === "string") return utf8Bytes(value);
  // A token array counts one token an element; a number or literal in a schema is written out.
  if (typeof value === "number") return 1;
  if (typeof value === "boolean" || value === null || value === undefined) return 5;
  if (Array.isArray(value)) {
    if (typeof value[0] === "number") return value.length;
    let sum = 0;
    for (const element of value) sum += weigh(element, imageTokens) + TOKENS_PER_ITEM;
    return sum;
  }
  if (isImage(value)) return imageTokens;
  let sum = 0;
  for (const name of Object.keys(value)) sum += utf8Bytes(name) + 4 + weigh(value[name], imageTokens);
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
