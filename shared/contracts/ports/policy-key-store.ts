import type { TenantId } from "../ids.ts";
import type { RegisteredKey } from "../policy/registered-key.ts";
import type { Result } from "../result.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "./tenant-store.ts";

/** Keys of a tenant in the order of their ids, at the version of its policy. */
export interface RegisteredKeys {
  version: number;
  keys: RegisteredKey[];
}

/**
 * Keys that a tenant registered for its bundles. A change moves the version of the tenant's policy, so that it counts from
 * the next request on, and is ledgered, in one transaction of the tenant's object. A bundle in force keeps its key: neither
 * removed nor replaced (`in_use`). Kept bundles of a key that is removed or replaced are retired with it.
 */
export interface PolicyKeyStore {
  policyKeys(tenant: TenantId, access: Access): Promise<Result<RegisteredKeys, AccessRefusal>>;
  /** The same key again changes nothing. */
  putPolicyKey(
    tenant: TenantId,
    change: Change,
    key: Pick<RegisteredKey, "id" | "algorithm" | "public_key">,
  ): Promise<Result<RegisteredKey, ChangeRefusal | { reason: "limit" } | { reason: "in_use" }>>;
  /** Answers the keys that are left. */
  deletePolicyKey(
    tenant: TenantId,
    change: Change,
    id: string,
  ): Promise<Result<RegisteredKeys, ChangeRefusal | { reason: "not_found" } | { reason: "in_use" }>>;
}
