import type { TenantId, UnixMs } from "../ids.ts";
import type { BundleRef } from "../policy/freshness.ts";
import type { RegisteredKey } from "../policy/registered-key.ts";
import type { Result } from "../result.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "./tenant-store.ts";

/** Whose policy: the cell's, in CellObject, or one tenant's, in its TenantObject. */
export type PolicyLayer = { layer: "cell" } | { layer: "tenant"; tenant: TenantId };

export interface StoredBundle extends BundleRef {
  /** SemVer of the contract that it was written for. */
  contract: string;
  /** Key id of the verified signature. */
  signed_by: string;
  bytes: number;
  created_ms: UnixMs;
  created_by: string;
  state: "stored" | "canary" | "active" | "retired";
}

export interface PolicyState {
  /** Counts activations, roll backs, canary changes and changes of registered keys. */
  version: number;
  active: BundleRef | null;
  canary: { bundle: BundleRef; percent: number } | null;
  /** Registered by the tenant for its bundles; absent where there are none. */
  keys?: readonly RegisteredKey[];
  /** Compact, signed `FreshnessStatement` of exactly this state. */
  statement: string;
}

export type LayerRefusal = { reason: "unknown_tenant" };
export type BundleChangeRefusal = ChangeRefusal | { reason: "not_found" } | { reason: "version_conflict" };

/**
 * Bundles of a layer and which of them is in force. One writer per layer; durable before a call resolves; every change is
 * ledgered in its own transaction (the tenant's ledger, or the cell's system ledger). Bytes are those that were verified.
 */
export interface PolicyStore {
  state(layer: PolicyLayer): Promise<Result<PolicyState, LayerRefusal>>;
  /** The archive's bytes, by digest. */
  bundle(layer: PolicyLayer, digest: string): Promise<Result<Uint8Array, LayerRefusal | { reason: "not_found" }>>;
  /** Keeps a verified bundle. Its revision must be above every revision ever kept; the same bytes again are a no-op. */
  put(
    layer: PolicyLayer,
    change: Change,
    bundle: { revision: number; digest: string; contract: string; signed_by: string; archive: Uint8Array },
  ): Promise<
    Result<StoredBundle, ChangeRefusal | { reason: "revision_not_increasing"; newest: number } | { reason: "limit" }>
  >;
  /**
   * Puts a kept bundle in force for all actors, or as canary for a share of them; `rollback` is needed to activate an older
   * revision than the active one. `revision: null` with `canary` ends the canary. Bumps `version`.
   */
  activate(
    layer: PolicyLayer,
    change: Change,
    target: {
      revision: number | null;
      canary_percent: number | null;
      rollback: boolean;
      expected_version: number | null;
    },
  ): Promise<Result<PolicyState, BundleChangeRefusal | { reason: "older_revision" }>>;
  list(
    layer: PolicyLayer,
    access: Access,
  ): Promise<Result<{ version: number; bundles: StoredBundle[] }, AccessRefusal | LayerRefusal>>;
}
