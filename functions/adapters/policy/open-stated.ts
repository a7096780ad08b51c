import { type BundleKey, openBundle } from "../../../policies/bundle/open-bundle.ts";
import type { LayerPolicy } from "../../../policies/decide/decide-layer.ts";
import type { BundleKeyConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { BundleRef } from "../../../shared/contracts/policy/freshness.ts";
import type { RegisteredKey } from "../../../shared/contracts/policy/registered-key.ts";
import { PolicyUnavailable } from "../../../shared/contracts/ports/policy.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";

/** A configured key as bundles are verified with it; null when there is nothing to verify with. */
export function verificationKey(config: BundleKeyConfig, secret: string | null): BundleKey | null {
  const { id, algorithm, public_key } = config;
  const key = config.secret === null ? public_key : secret === null ? null : utf8(secret);
  return key === null ? null : { id, algorithm, key };
}

/** Configured keys, and registered ones under ids that the configuration does not name. */
export function trustedKeys(configured: readonly BundleKey[], registered: readonly RegisteredKey[]): BundleKey[] {
  const named = new Set(configured.map(({ id }) => id));
  const beside = registered.filter(({ id }) => !named.has(id));
  return [...configured, ...beside.map(({ id, algorithm, public_key }) => ({ id, algorithm, key: public_key }))];
}

/** A policy that is stated to be in force, and until when its bundle opens. */
export interface StatedBundle extends LayerPolicy {
  expiresMs: number;
}

/**
 * Opens the bundle that a layer's statement names, under the keys in force now. Throws `PolicyUnavailable` when it does
 * not verify any more, or says that it is another one than was stated.
 */
export async function openStated(
  archive: Uint8Array,
  stated: BundleRef,
  tenant: TenantId | null,
  keys: readonly BundleKey[],
  nowMs: number,
): Promise<StatedBundle> {
  const opened = await openBundle(archive, {
    keys,
    layer: tenant === null ? "cell" : "tenant",
    tenant,
    now_s: Math.floor(nowMs / 1000),
  });
  if (!opened.ok) throw new PolicyUnavailable(`the bundle in force is refused: ${opened.error.reason}`);
  const { ref, plan, data, expires_s } = opened.value;
  if (ref.digest !== stated.digest || ref.revision !== stated.revision)
    throw new PolicyUnavailable("the bundle is not the one that was stated");
  return { plan, data, expiresMs: expires_s === null ? Number.POSITIVE_INFINITY : expires_s * 1000 };
}
