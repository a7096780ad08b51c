import type { JsonValue } from "../../shared/contracts/json.ts";
import type { IdempotencyClaim } from "../../shared/contracts/ports/tenant-store.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { hmacSha256 } from "../../shared/crypto/hmac-sha256.ts";
import { sha256 } from "../../shared/crypto/sha256.ts";
import type { Call } from "../context.ts";

/** Request headers that change what a call means, and so belong to its fingerprint. */
export const MEANINGFUL = [
  "x-bailiwick-privacy",
  "x-bailiwick-budget-usd",
  "x-bailiwick-intent",
  "x-bailiwick-classification",
  "x-bailiwick-purpose",
  "x-bailiwick-markings",
  "x-tenant",
] as const;

/**
 * Scope and fingerprint of an idempotency key: the scope is tenant (the object itself), credential owner and operation;
 * the fingerprint is an HMAC under the tenant's key over operation, canonical body and the headers that change meaning.
 */
export function idempotencyClaim(
  dataKey: Uint8Array,
  operation: string,
  key: string,
  call: Pick<Call, "actor" | "body" | "headers">,
): IdempotencyClaim {
  const scope = sha256(`${call.actor.subject}\n${operation}\n${key}`);
  const headers = MEANINGFUL.map((name) => call.headers.get(name));
  const meaning = canonicalJson([operation, call.body as JsonValue, headers]); // safe because: the body came from JSON.parse
  return {
    key_hash: encodeHex(scope.subarray(0, 16)),
    fingerprint: encodeHex(hmacSha256(dataKey, meaning).subarray(0, 16)),
  };
}
