import type { JsonValue } from "../../shared/contracts/json.ts";
import { ProblemError } from "../problem.ts";
import { parseStrictJson } from "./strict-json.ts";

/**
 * Reads a body of at most `bytesMax`, refusing before reading where `content-length` already tells. Compressed bodies
 * are refused (415): nothing is ever inflated, so there is no bomb. Throws `ProblemError`.
 */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const encoding = request.headers.get("content-encoding");
  if (encoding !== null && encoding.toLowerCase() !== "identity")
    throw new ProblemError("unsupported-media-type", {
      detail: "Compressed request bodies are not accepted.",
      param: "content-encoding",
    });
  const tooLarge = () => new ProblemError("body-too-large", { detail: `The body may have at most ${bytesMax} bytes.` });
  const declared = request.headers.get("content-length");
  if (declared !== null) {
    if (!/^\d{1,15}$/.test(declared)) throw new ProblemError("invalid-request", { param: "content-length" });
    if (Number(declared) > bytesMax) throw tooLarge();
    return new Uint8Array(await request.arrayBuffer());
  }
  if (request.body === null) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = request.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.byteLength;
    if (size > bytesMax) {
      await reader.cancel();
      throw tooLarge();
    }
    parts.push(value);
  }
  if (parts.length === 1 && parts[0]) return parts[0];
  const body = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.byteLength;
  }
  return body;
}

/** Exactly one acceptable media type; parameters other than a UTF-8 charset are ignored. */
export function requireJson(headers: Headers): void {
  const type = headers.get("content-type");
  const [media, ...parameters] = (type ?? "").split(";").map((part) => part.trim().toLowerCase());
  if (media !== "application/json")
    throw new ProblemError("unsupported-media-type", { detail: "Send application/json.", param: "content-type" });
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset && !/^charset="?utf-?8"?$/.test(charset))
    throw new ProblemError("unsupported-media-type", { detail: "JSON is UTF-8.", param: "content-type" });
}

const DETAILS = {
  not_utf8: "The body is not valid UTF-8.",
  malformed: "The body is not valid JSON.",
  duplicate_key: "An object in the body names a member twice.",
  too_deep: "The body is nested too deeply.",
  too_many_nodes: "The body has too many values.",
  proto_key: "The body uses a member name that is not accepted.",
} as const;

export function parseBody(raw: Uint8Array): JsonValue {
  const parsed = parseStrictJson(raw);
  if (parsed.ok) return parsed.value;
  throw new ProblemError("malformed-json", {
    detail: DETAILS[parsed.error.reason],
    members: { reason: parsed.error.reason },
  });
}
