import { isJsonObject, type JsonObject, type JsonValue } from "../../shared/contracts/json.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { anthropicType, type ProblemShape } from "../problem.ts";
import type { Reply } from "./operation.ts";

const PROBLEM = "application/problem+json";

/**
 * A problem that was kept as an answer (of a key, of a run without its caller), in the form of the surface that asks for
 * it now: one operation may have several, and a key is theirs together. Everything else is left as it is.
 */
export function inShape(reply: Reply, shape: ProblemShape): Reply {
  if (shape === "openai" || reply.kind !== "bytes" || reply.contentType !== PROBLEM) return reply;
  if (!(reply.body instanceof Uint8Array)) return reply;
  const document = JSON.parse(new TextDecoder().decode(reply.body)) as JsonValue; // safe because: JSON.parse gives JSON values
  if (!isJsonObject(document) || !isJsonObject(document.error)) return reply;
  const { error, ...rest } = document;
  const { message = "", code = null, param = null } = error;
  if (shape === "oip") return { ...reply, body: bytes({ ...rest, error: message, code, param }) };
  const { type: _, title, status, detail, instance, ...members } = rest;
  const request = typeof instance === "string" ? instance.replace("urn:bailiwick:request:", "") : "";
  const told = { type: anthropicType(reply.status), message, code };
  return {
    ...reply,
    contentType: "application/json",
    body: bytes({ type: "error", error: told, request_id: request, ...members }),
  };
}

const bytes = (document: JsonObject): Uint8Array => utf8(JSON.stringify(document));
