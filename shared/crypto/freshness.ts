import { FreshnessStatement } from "../contracts/policy/freshness.ts";
import { decodeBase64url, encodeBase64url } from "./base64url.ts";
import { canonicalJson } from "./canonical-json.ts";
import { constantTimeEqual } from "./constant-time-equal.ts";
import { hkdfSha256 } from "./hkdf.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import { utf8 } from "./utf8.ts";

const CONTEXT = "bailiwick/policy-freshness/v1";
/** A statement is about 400 bytes; the bound keeps hostile text from being parsed. */
const CHARS_MAX = 4_096;

/** The key that states freshness, derived from one root secret of the cell for this use alone. */
export const freshnessKey = (root: Uint8Array): Uint8Array => hkdfSha256(root, undefined, CONTEXT, 32);

const macOf = (key: Uint8Array, payload: string): Uint8Array => hmacSha256(key, `${CONTEXT}\n${payload}`);

/** `base64url(canonical JSON) "." base64url(HMAC-SHA-256)`. */
export function signFreshness(key: Uint8Array, statement: FreshnessStatement): string {
  const payload = encodeBase64url(utf8(canonicalJson(statement)));
  return `${payload}.${encodeBase64url(macOf(key, payload))}`;
}

/**
 * The statement that one of the keys signed, else null. Whether it is about this cell and tenant, and whether it has
 * expired, is for the caller.
 */
export function verifyFreshness(keys: readonly Uint8Array[], text: string): FreshnessStatement | null {
  if (text.length > CHARS_MAX) return null;
  const [payload, mac, ...rest] = text.split(".");
  if (payload === undefined || mac === undefined || rest.length > 0) return null;
  const claimed = decodeBase64url(mac);
  const bytes = decodeBase64url(payload);
  if (claimed === null || bytes === null) return null;
  if (!keys.some((key) => constantTimeEqual(macOf(key, payload), claimed))) return null;
  const parsed = FreshnessStatement.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  return parsed.success ? parsed.data : null;
}
