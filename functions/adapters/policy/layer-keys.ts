import type { BundleConfig, BundleKeyConfig, SecretRef, Snapshot } from "../../../shared/contracts/config/snapshot.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { LayerKeys } from "./load-layer.ts";

const NO_KEYS: BundleConfig = { keys: [], pull: null };

/** Keys and source of a layer's bundles; null is the cell's. */
export const bundlesOf = (snapshot: Snapshot, tenant: TenantId | null): BundleConfig =>
  (tenant === null ? snapshot.policies.bundles : snapshot.tenants[tenant]?.bundles) ?? NO_KEYS;

/** A key with its material; a secret that is not there leaves the key out, so that it verifies nothing. */
export type KeyOf<Key> = (config: BundleKeyConfig, secret: string | null) => Key | null;

/** The keys in force for a layer, made once for each snapshot. */
export function layerKeys<Key>(
  keyOf: KeyOf<Key>,
  readSecret: (ref: SecretRef) => string | null,
): (snapshot: Snapshot, tenant: TenantId | null) => LayerKeys<Key> {
  const perSnapshot = new WeakMap<Snapshot, Map<TenantId | null, LayerKeys<Key>>>();
  const none: LayerKeys<Key> = { id: "none", keys: [] };
  return (snapshot, tenant) => {
    const config = bundlesOf(snapshot, tenant);
    if (config.keys.length === 0) return none;
    let known = perSnapshot.get(snapshot);
    if (!known) {
      known = new Map();
      perSnapshot.set(snapshot, known);
    }
    let keys = known.get(tenant);
    if (!keys) {
      const read = config.keys.map((key) => ({ key, secret: key.secret ? readSecret(key.secret) : null }));
      // safe because: configuration was JSON; a digest of a secret stays in this process
      const id = sha256Hex(canonicalJson(read as unknown as JsonValue));
      keys = {
        id,
        keys: read.flatMap(({ key, secret }) => (key.secret && secret === null ? [] : (keyOf(key, secret) ?? []))),
      };
      known.set(tenant, keys);
    }
    return keys;
  };
}
