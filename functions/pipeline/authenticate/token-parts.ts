import { isJsonObject, type JsonObject } from "../../../shared/contracts/json.ts";
import { decodeBase64url } from "../../../shared/crypto/base64url.ts";
import { parseStrictJson } from "../../../shared/crypto/strict-json.ts";

/** A compact JWS, unverified. */
export interface TokenParts {
  header: JsonObject;
  payload: Uint8Array;
}

/** Far above any real token; its bytes are bounded by the credential limit already. */
const BOUNDS = { depthMax: 16, nodesMax: 2_000 };

/** A JSON object without repeated members, or null. */
export function jsonObject(bytes: Uint8Array): JsonObject | null {
  const parsed = parseStrictJson(bytes, BOUNDS);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : null;
}

/**
 * The parts of a compact JWS. Null unless there are exactly three, each in canonical base64url (verifiers elsewhere
 * accept other spellings of the same bytes), the header is an object that names no member twice, and it is signed.
 */
export function tokenParts(token: string): TokenParts | null {
  const parts = token.split(".", 4);
  const [headerText, payloadText, signatureText] = parts;
  if (parts.length !== 3 || headerText === undefined || payloadText === undefined || !signatureText) return null;
  if (decodeBase64url(signatureText) === null) return null;
  const headerBytes = decodeBase64url(headerText);
  const payload = decodeBase64url(payloadText);
  const header = headerBytes === null ? null : jsonObject(headerBytes);
  return header === null || payload === null ? null : { header, payload };
}
