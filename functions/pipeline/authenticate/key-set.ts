import { isJsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { type PinnedKey, pinnedKey } from "./pinned-key.ts";

/** The usable keys of one JWKS document. */
export type KeySet = readonly PinnedKey[];

/**
 * A JWKS (RFC 7517) as pinned keys, or null when the document must not be trusted at all: not a set, more keys than
 * the bound, a symmetric key among public ones, or one `kid` for two keys. Single keys that must not verify are left out.
 */
export async function readKeySet(document: JsonValue): Promise<KeySet | null> {
  if (!isJsonObject(document) || !Array.isArray(document.keys) || document.keys.length > LIMITS.jwksKeysMax)
    return null;
  const kids = new Set<string>();
  for (const jwk of document.keys) {
    if (!isJsonObject(jwk) || jwk.kty === "oct") return null;
    if (typeof jwk.kid !== "string") continue;
    if (kids.has(jwk.kid)) return null;
    kids.add(jwk.kid);
  }
  const keys = await Promise.all(document.keys.map(pinnedKey));
  return keys.filter((key) => key !== null);
}

/** The key that a token's `kid` names exactly; without one, the only key of the set for its algorithm. */
export function keyFor(keys: KeySet, kid: string | null, algorithm: string): PinnedKey | null {
  const fitting = keys.filter((key) => key.algorithms.includes(algorithm) && (kid === null || key.kid === kid));
  const [only] = fitting;
  return fitting.length === 1 && only !== undefined ? only : null;
}
