import { z } from "zod";
import { ForwardingKeyId } from "../contracts/cell-directory.ts";
import { isJsonObject } from "../contracts/json.ts";
import { LIMITS } from "../contracts/limits.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { canonicalJson } from "./canonical-json.ts";
import { constantTimeEqual } from "./constant-time-equal.ts";
import { encodeHex } from "./hex.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import { sha256, sha256Hex } from "./sha256.ts";
import { utf8 } from "./utf8.ts";

/** Carries what the global entry vouches for; the only header of its kind that a cell believes. */
export const FORWARDING_HEADER = "x-bailiwick-forwarded";
const KEY_BYTES = 32;

/** A secret of one cell and the entries that may forward to it. */
export interface ForwardingKey {
  kid: string;
  secret: Uint8Array;
}

/** The key in `text` (base64url of 32 bytes); null when it is none. Its id is derived, so it needs no bookkeeping. */
export function forwardingKey(text: string): ForwardingKey | null {
  const secret = decodeBase64url(text.trim());
  if (secret?.length !== KEY_BYTES) return null;
  const named = Uint8Array.of(...utf8("bailiwick/forwarding-key-id/v1\n"), ...secret);
  return { kid: encodeHex(sha256(named).subarray(0, 8)), secret };
}

const Claims = z.strictObject({
  schema_version: z.literal(1),
  kid: ForwardingKeyId,
  cell: z.string().max(16),
  /** SHA-256 of method and target: a header is good for one call, not for another. */
  request: z.string().length(64),
  /** SHA-256 of the credential's text. */
  credential: z.string().length(64),
  /** What the caller sent; null without one. */
  traceparent: z.string().max(256).nullable(),
  /** Address of the caller; null where the entry was told none. */
  client: z.string().max(64).nullable(),
  /** The host that the caller asked. */
  host: z.string().max(260).nullable(),
  nonce: z.string().min(16).max(43),
  issued_ms: z.number().int(),
  expires_ms: z.number().int(),
});
export type ForwardingClaims = z.infer<typeof Claims>;

/** The call that a header is for, as whoever signs or verifies sees it. `target`: path and query. */
export interface ForwardedCall {
  cell: string;
  method: string;
  target: string;
  credential: string;
  traceparent: string | null;
}
export interface ForwardedFacts {
  client: string | null;
  host: string | null;
}

/** Why a header proves nothing. */
export type ForwardingRefusal = { reason: "malformed" | "key_unknown" | "signature" | "mismatch" | "expired" };

const macOf = (key: ForwardingKey, payload: string): Uint8Array =>
  hmacSha256(key.secret, `bailiwick.forwarded.v1.${payload}`);
const requestOf = ({ method, target }: ForwardedCall): string => sha256Hex(`${method} ${target}`);

/** `base64url(canonical JSON) "." base64url(HMAC-SHA-256)`, good for `forwardingMsMax` from `nowMs`. */
export function signForwarding(
  call: ForwardedCall,
  facts: ForwardedFacts,
  key: ForwardingKey,
  { nonce, nowMs }: { nonce: string; nowMs: number },
): string {
  const claims: ForwardingClaims = {
    schema_version: 1,
    kid: key.kid,
    cell: call.cell,
    request: requestOf(call),
    credential: sha256Hex(call.credential),
    traceparent: call.traceparent,
    ...facts,
    nonce,
    issued_ms: nowMs,
    expires_ms: nowMs + LIMITS.forwardingMsMax,
  };
  const payload = encodeBase64url(utf8(canonicalJson(claims)));
  return `${payload}.${encodeBase64url(macOf(key, payload))}`;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function claimsOf(bytes: Uint8Array): ForwardingClaims | null {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isJsonObject(value) ? (Claims.safeParse(value).data ?? null) : null;
  } catch {
    return null; // Only `decode` and `parse` throw, for bytes that are no JSON.
  }
}

/**
 * What the header says, if one of `keys` signed it for exactly this call and it is of this minute. The signature is
 * compared in constant time before anything in it is believed. Whoever calls this remembers `nonce`.
 */
export function verifyForwarding(
  text: string,
  keys: readonly ForwardingKey[],
  call: ForwardedCall,
  nowMs: number,
): Result<ForwardingClaims, ForwardingRefusal> {
  if (text.length > LIMITS.forwardingHeaderCharsMax) return err({ reason: "malformed" });
  const [payload = "", signature = "", ...rest] = text.split(".");
  const bytes = decodeBase64url(payload);
  const mac = decodeBase64url(signature);
  const claims = rest.length > 0 || bytes === null || mac === null ? null : claimsOf(bytes);
  if (claims === null || mac === null) return err({ reason: "malformed" });
  const key = keys.find(({ kid }) => kid === claims.kid);
  if (key === undefined) return err({ reason: "key_unknown" });
  if (!constantTimeEqual(macOf(key, payload), mac)) return err({ reason: "signature" });
  const same =
    claims.cell === call.cell &&
    claims.request === requestOf(call) &&
    claims.credential === sha256Hex(call.credential) &&
    claims.traceparent === call.traceparent;
  if (!same) return err({ reason: "mismatch" });
  const inForce =
    claims.issued_ms <= nowMs + LIMITS.clockSkewS * 1_000 &&
    claims.expires_ms > nowMs &&
    claims.expires_ms - claims.issued_ms <= LIMITS.forwardingMsMax;
  return inForce ? ok(claims) : err({ reason: "expired" });
}
