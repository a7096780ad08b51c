import type { JsonObject } from "../contracts/json.ts";
import type { RegisteredKey } from "../contracts/policy/registered-key.ts";
import { canonicalJson } from "./canonical-json.ts";
import { sha256Hex } from "./sha256.ts";

/** What a freshness statement says of a tenant's registered keys: which verify what. Null where there are none. */
export function registeredKeysDigest(
  keys: readonly Pick<RegisteredKey, "id" | "algorithm" | "public_key">[],
): string | null {
  if (keys.length === 0) return null;
  const list = keys
    .map(({ id, algorithm, public_key }): JsonObject => ({ id, algorithm, public_key }))
    .sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1));
  return `sha256:${sha256Hex(canonicalJson(list))}`;
}
