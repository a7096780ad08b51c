import type { JsonValue } from "../../shared/contracts/json.ts";
import type { IdempotencyClaim } from "../../shared/contracts/ports/tenant-store.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import { commitment } from "../../shared/crypto/commitment.ts";
import { encodeHex } from "../../shared/crypto/hex.ts";
import { hmacSha256 } from "../../shared/crypto/hmac-sha256.ts";
import { commitmentSalt } from "../../shared/crypto/running-commitment.ts";
import { sha256 } from "../../shared/crypto/sha256.ts";
import type { Call } from "../context.ts";

/** Salted commitment of the request as it was received, for the *opened* record. */
export const requestCommitment = (dataKey: Uint8Array, call: Pick<Call, "task" | "rawBody">): string =>
  encodeHex(commitment(commitmentSalt(dataKey, call.task, "request"), call.rawBody));

export const responseCommitment = (dataKey: Uint8Array, task: string, body: Uint8Array): string =>
  encodeHex(commitment(commitmentSalt(dataKey, task, "response"), body));

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
