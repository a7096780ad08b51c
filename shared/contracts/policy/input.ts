import { z } from "zod";
import { Actor, Role, Scopes } from "../actor.ts";
import { PrivacyMode } from "./privacy.ts";

export const PolicyCandidate = z.strictObject({
  /** `<provider>:<model>`. */
  id: z.string(),
  alias: z.string(),
  provider: z.string(),
  model: z.string(),
  tier: z.number().int(),
  locality: z.enum(["local", "api"]),
  /** Where it computes. */
  jurisdiction: z.string(),
});
export type PolicyCandidate = z.infer<typeof PolicyCandidate>;

/** Features of the request that policy may look at; facts about it, never its content. */
export const PolicyFeatures = z.strictObject({
  stream: z.boolean(),
  tools: z.boolean(),
  images: z.boolean(),
  hold_nusd: z.number(),
  /** Names of the detectors that found something in the request; null where nobody looked. */
  detected: z.array(z.string()).nullable(),
});
export type PolicyFeatures = z.infer<typeof PolicyFeatures>;

/** Why a decision is asked for: every enforcement point asks live and records its own. */
export const ENFORCEMENT_POINTS = ["request", "fallback", "approved", "lease", "batch", "callback"] as const;

/**
 * What is decided over, version 1. `classification`, `purpose` and `markings` start from trusted sources (the tenant's,
 * intent's and credential's configuration, and what detectors saw); a client can only raise them.
 */
export const PolicyInput = z.strictObject({
  schema_version: z.literal(1),
  point: z.enum(ENFORCEMENT_POINTS),
  actor: Actor,
  /** `<namespace>:<verb>` of the operation. */
  action: z.string(),
  /** Operation id, such as `chat.completions.create`. */
  operation: z.string(),
  effect: z.enum(["read", "reversible-write", "irreversible-write", "ambiguous"]),
  resource: z.strictObject({ kind: z.string(), id: z.string().nullable() }),
  scopes: Scopes,
  cell: z.strictObject({ id: z.string(), jurisdiction: z.string() }),
  privacy: PrivacyMode,
  classification: z.string().nullable(),
  purpose: z.string().nullable(),
  markings: z.array(z.string()),
  intent: z.string().nullable(),
  candidates: z.array(PolicyCandidate),
  features: PolicyFeatures,
  /** Roles that the call gives to a credential, by a new key or the successor of one; absent where it gives none. Since 1.1.0. */
  grants: z.array(Role).optional(),
});
export type PolicyInput = z.infer<typeof PolicyInput>;
