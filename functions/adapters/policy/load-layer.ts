import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { BundleRef, FreshnessStatement } from "../../../shared/contracts/policy/freshness.ts";
import type { RegisteredKey } from "../../../shared/contracts/policy/registered-key.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import type { PolicyLayer, PolicyStore } from "../../../shared/contracts/ports/policy-store.ts";
import { constantTimeEqualText } from "../../../shared/crypto/constant-time-equal.ts";
import { verifyStatement } from "../../../shared/crypto/policy-statement.ts";
import { registeredKeysDigest } from "../../../shared/crypto/registered-keys-digest.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";

/** A bundle, and until when it opens. */
export interface Expiring {
  expiresMs: number;
}

/** A layer as it may be decided by: what was stated, and the bundles that were stated, opened. */
export interface LiveLayer<Bundle extends Expiring> {
  statement: FreshnessStatement;
  active: Bundle | null;
  canary: Bundle | null;
  /** Names the keys that the bundles were opened under. */
  keys: string;
}

/** Keys in force for a layer; `id` changes when one of them does. */
export interface LayerKeys<Key> {
  id: string;
  keys: readonly Key[];
}

export interface LayerSource<Bundle extends Expiring, Key> {
  store: Pick<PolicyStore, "state" | "bundle">;
  cell: string;
  statementKeys(): readonly Uint8Array[];
  /** All keys to verify with: those that the configuration names, and what the tenant registered beside them. */
  trust(configured: readonly Key[], registered: readonly RegisteredKey[]): readonly Key[];
  /** Verifies the archive and opens it. Throws `PolicyUnavailable` when it does not verify or is not what was stated. */
  open(
    archive: Uint8Array,
    stated: BundleRef,
    tenant: TenantId | null,
    keys: readonly Key[],
    nowMs: number,
  ): Bundle | Promise<Bundle>;
}

const layerOf = (tenant: TenantId | null): PolicyLayer =>
  tenant === null ? { layer: "cell" } : { layer: "tenant", tenant };

/**
 * Asks a layer's object what is in force, and makes sure of each word of the answer: the statement is signed by this cell,
 * about this layer, of this moment and not older than one seen before; each bundle is, byte for byte, the one that was
 * stated and verifies under the keys in force, those that the tenant registered included. Bundles of `known` that verified
 * under the same keys are kept. Throws
 * `PolicyUnavailable`, or what the store threw.
 */
export async function loadLayer<Bundle extends Expiring, Key>(
  source: LayerSource<Bundle, Key>,
  asked: {
    tenant: TenantId | null;
    nowMs: number;
    versionMin: number;
    keys: LayerKeys<Key>;
    known: LiveLayer<Bundle> | null;
  },
): Promise<LiveLayer<Bundle>> {
  const { tenant, keys, known, versionMin } = asked;
  const layer = layerOf(tenant);
  const state = await source.store.state(layer);
  if (!state.ok) throw new PolicyUnavailable(`no policy layer: ${state.error.reason}`);
  const verified = verifyStatement(state.value.statement, source.statementKeys(), {
    cell: source.cell,
    tenant,
    nowMs: asked.nowMs,
  });
  if (!verified.ok) throw new PolicyUnavailable(`the freshness statement is no proof: ${verified.error.reason}`);
  const statement = verified.value;
  if (statement.version < versionMin)
    throw new PolicyUnavailable(`version ${statement.version} was stated after version ${versionMin}`);
  const registered = state.value.keys ?? [];
  if ((registeredKeysDigest(registered) ?? undefined) !== statement.keys)
    throw new PolicyUnavailable("the registered keys are not those that were stated");
  const trusted = source.trust(keys.keys, registered);
  const sameKeys = known?.keys === keys.id && known.statement.keys === statement.keys;
  const bundle = async (ref: BundleRef | null | undefined): Promise<Bundle | null> => {
    if (!ref) return null;
    const kept = known && sameKeys ? bundleOf(known, ref) : null;
    if (kept && asked.nowMs < kept.expiresMs) return kept;
    const archive = await source.store.bundle(layer, ref.digest);
    if (!archive.ok) throw new PolicyUnavailable(`the bundle in force is gone: ${archive.error.reason}`);
    if (!constantTimeEqualText(`sha256:${sha256Hex(archive.value)}`, ref.digest))
      throw new PolicyUnavailable("the bundle's bytes are not those that were stated");
    return source.open(archive.value, ref, tenant, trusted, asked.nowMs);
  };
  const active = await bundle(statement.active);
  return { statement, active, canary: await bundle(statement.canary?.bundle), keys: keys.id };
}

function bundleOf<Bundle extends Expiring>(
  { statement, active, canary }: LiveLayer<Bundle>,
  { digest, revision }: BundleRef,
): Bundle | null {
  const is = (ref: BundleRef | null | undefined) => ref?.digest === digest && ref.revision === revision;
  if (is(statement.active)) return active;
  return is(statement.canary?.bundle) ? canary : null;
}
