import { CellId, KeyId, TenantId } from "../contracts/ids.ts";
import { err, ok, type Result } from "../contracts/result.ts";
import { encodeBase62, isBase62 } from "./base62.ts";
import { constantTimeEqualText } from "./constant-time-equal.ts";
import { crc32 } from "./crc32.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import { sha256Hex } from "./sha256.ts";

/** `bw_<cell>_<tenant>_<kid>_<secret43><mac22><crc6>` (DESIGN §8). */
const SECRET_BYTES = 32;
const MAC_BYTES = 16;
const CHARS = { secret: 43, mac: 22, crc: 6 } as const;
/** `bw_` + 16 + 1 + 32 + 1 + 12 + 1 + 71. */
export const API_KEY_CHARS_MAX = 137;

export interface ApiKeyNames {
  cell: CellId;
  tenant: TenantId;
  kid: KeyId;
}
export interface MintedApiKey extends ApiKeyNames {
  /** Shown once, stored nowhere. */
  text: string;
  /** What is stored: SHA-256 hex of the whole text. */
  digest: string;
}
export type ApiKeyRefusal = { reason: "not_a_key" } | { reason: "bad_checksum" } | { reason: "bad_mac" };

const macOf = (macKey: Uint8Array, text: string, end: number): string =>
  encodeBase62(hmacSha256(macKey, `bailiwick/api-key/v1\n${text.slice(0, end)}`).subarray(0, MAC_BYTES), CHARS.mac);

const crcOf = (text: string, end: number): string => {
  const value = crc32(text, end);
  return encodeBase62(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value), CHARS.crc);
};

/** What the tenant's object keeps of a key, and what is compared in constant time. */
export const apiKeyDigest = (text: string): string => sha256Hex(text);

/** A new key around 32 bytes of randomness. Throws `RangeError` for another amount: 256 bits is the promise. */
export function mintApiKey(names: ApiKeyNames, secret: Uint8Array, macKey: Uint8Array): MintedApiKey {
  if (secret.length !== SECRET_BYTES) throw new RangeError(`api key: a secret is ${SECRET_BYTES} bytes`);
  const named = `bw_${names.cell}_${names.tenant}_${names.kid}_${encodeBase62(secret, CHARS.secret)}`;
  const authenticated = named + macOf(macKey, named, named.length);
  const text = authenticated + crcOf(authenticated, authenticated.length);
  return { ...names, text, digest: apiKeyDigest(text) };
}

/** Whether `text` says that it is an API key; cheap, for choosing a verifier. */
export const looksLikeApiKey = (text: string): boolean => text.startsWith("bw_");

/** Shape and checksum only: what a secret scanner can check. Nothing is authenticated yet. */
export function parseApiKey(text: string): Result<ApiKeyNames, ApiKeyRefusal> {
  if (text.length > API_KEY_CHARS_MAX || !looksLikeApiKey(text)) return err({ reason: "not_a_key" });
  const [, cellText, tenantText, kidText, tail, ...rest] = text.split("_");
  if (rest.length > 0 || cellText === undefined || tenantText === undefined || kidText === undefined)
    return err({ reason: "not_a_key" });
  if (tail === undefined || tail.length !== CHARS.secret + CHARS.mac + CHARS.crc || !isBase62(tail))
    return err({ reason: "not_a_key" });
  const end = text.length - CHARS.crc;
  if (crcOf(text, end) !== text.slice(end)) return err({ reason: "bad_checksum" });
  const cell = CellId.safeParse(cellText);
  const tenant = TenantId.safeParse(tenantText);
  const kid = KeyId.safeParse(kidText);
  if (!cell.success || !tenant.success || !kid.success) return err({ reason: "not_a_key" });
  return ok({ cell: cell.data, tenant: tenant.data, kid: kid.data });
}

/**
 * Checksum first (a typo costs nothing), then the MAC under any of `macKeys`, each compared in constant time. Only a
 * key that this cell minted passes, so strangers cannot make it touch any object by guessing names.
 */
export function verifyApiKey(text: string, macKeys: readonly Uint8Array[]): Result<ApiKeyNames, ApiKeyRefusal> {
  const parsed = parseApiKey(text);
  if (!parsed.ok) return parsed;
  const macEnd = text.length - CHARS.crc;
  const macStart = macEnd - CHARS.mac;
  const mac = text.slice(macStart, macEnd);
  return macKeys.some((key) => constantTimeEqualText(macOf(key, text, macStart), mac))
    ? parsed
    : err({ reason: "bad_mac" });
}
