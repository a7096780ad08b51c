import { isJsonObject, type JsonObject, type JsonValue } from "../contracts/json.ts";
import { decodeBase64, encodeBase64 } from "../crypto/log/base64.ts";
import { TensorBroken } from "./broken.ts";
import type { Wanted } from "./predict.ts";
import { concat } from "./wire.ts";

/**
 * The JSON form of a request under the binary tensor extension: `json` is the first `headerLength` bytes of its body,
 * parsed, and `rest` what follows. Sizes have to fit exactly. @throws TensorBroken
 */
export function unframed(json: JsonValue, rest: Uint8Array): JsonObject {
  if (!isJsonObject(json) || !Array.isArray(json.inputs)) throw new TensorBroken("the request has no inputs");
  let at = 0;
  const inputs = json.inputs.map((input): JsonValue => {
    if (!isJsonObject(input)) return input;
    const { parameters, ...declared } = input;
    const { binary_data_size: size, ...others } = isJsonObject(parameters) ? parameters : {};
    if (size === undefined) return input;
    const end = typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? at + size : Number.NaN;
    if (!(end <= rest.length)) throw new TensorBroken("the request ends inside a tensor", String(input.name));
    const data_base64 = encodeBase64(rest.subarray(at, end));
    at = end;
    return { ...declared, ...(Object.keys(others).length > 0 ? { parameters: others } : {}), data_base64 };
  });
  if (at !== rest.length) throw new TensorBroken("the request has bytes that belong to no tensor");
  return { ...json, inputs };
}

/**
 * The same answer with the tensors that were asked for as bytes behind the JSON, and how many bytes of it are JSON; null
 * where none was.
 */
export function framed(
  answer: JsonObject,
  wanted: Wanted,
): { body: Uint8Array<ArrayBuffer>; headerLength: number } | null {
  const parts: Uint8Array[] = [];
  const outputs = (Array.isArray(answer.outputs) ? answer.outputs : []).map((output): JsonValue => {
    if (!isJsonObject(output) || typeof output.data_base64 !== "string" || !wanted.binary(String(output.name)))
      return output;
    const { data_base64: text, ...declared } = output;
    const bytes = decodeBase64(text);
    if (bytes === null) return output;
    parts.push(bytes);
    return { ...declared, parameters: { binary_data_size: bytes.length } };
  });
  if (parts.length === 0) return null;
  const head = new TextEncoder().encode(JSON.stringify({ ...answer, outputs }));
  return { body: concat([head, ...parts]), headerLength: head.length };
}
