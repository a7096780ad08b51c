import { z } from "zod";
import { TenantId } from "../ids.ts";

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

/** A bundle in force: the digest is over the verified archive's bytes. */
export const BundleRef = z.strictObject({ revision: z.number().int().min(1), digest: Digest });
export type BundleRef = z.infer<typeof BundleRef>;

/**
 * What a cell states about the policy in force, signed by a key of the cell and good for at most 15 minutes (DESIGN §6).
 * `tenant: null` is the cell's own layer. `active: null`: no bundle is in force in this layer.
 */
export const FreshnessStatement = z.strictObject({
  schema_version: z.literal(1),
  cell: z.string(),
  tenant: TenantId.nullable(),
  /** Counts activations; the tenant's is compared in every `admit`. */
  version: z.number().int().min(0),
  active: BundleRef.nullable(),
  /** Takes this share of the actors, chosen by a digest of their subject. */
  canary: z.strictObject({ bundle: BundleRef, percent: z.number().int().min(1).max(99) }).nullable(),
  /** Over the keys that the tenant registered for its bundles; absent where there are none. */
  keys: Digest.optional(),
  issued_ms: z.number().int(),
  expires_ms: z.number().int(),
});
export type FreshnessStatement = z.infer<typeof FreshnessStatement>;
