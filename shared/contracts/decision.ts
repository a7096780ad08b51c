import { z } from "zod";
import type { Actor, Scopes } from "./actor.ts";
import type { DecisionId } from "./ids.ts";

export const DECISIONS = ["ALLOW", "DENY", "REQUIRE_HITL", "REQUIRE_STEP_UP", "THROTTLE", "ROUTE"] as const;
export const PRIVACY_MODES = ["local-only", "hybrid", "allow-api"] as const;
export const PrivacyMode = z.enum(PRIVACY_MODES);
/** Ordered from strictest to loosest by position in `PRIVACY_MODES`. */
export type PrivacyMode = z.infer<typeof PrivacyMode>;
export const stricterPrivacy = (a: PrivacyMode, b: PrivacyMode): PrivacyMode =>
  PRIVACY_MODES.indexOf(a) <= PRIVACY_MODES.indexOf(b) ? a : b;

export const Obligation = z.object({ id: z.string().max(64), params: z.record(z.string(), z.json()).optional() });
export type Obligation = z.infer<typeof Obligation>;

export const Decision = z.strictObject({
  decision: z.enum(DECISIONS),
  reasons: z.array(z.string().max(128)).max(32),
  obligations: z.array(Obligation).max(32),
  /** Engine candidate ids that may be used; absent: all that were offered. An empty list means none. */
  route: z.object({ candidates: z.array(z.string().max(256)).max(256) }).optional(),
  limits: z
    .object({ budget_nusd: z.number().int().optional(), output_tokens_max: z.number().int().optional() })
    .optional(),
  acr: z.object({ values: z.array(z.string()).max(8), max_age_s: z.number().int().optional() }).optional(),
  approval: z.object({ approvers: z.number().int().min(1).max(2), role: z.string() }).optional(),
  ttl_s: z.number().int().optional(),
});
export type Decision = z.infer<typeof Decision>;

/** What is decided over. A client can only raise `classification` and tighten `privacy`. */
export interface PolicyInput {
  schema_version: 1;
  actor: Actor;
  /** `<namespace>:<verb>` of the operation. */
  action: string;
  resource: { kind: string; id: string | null };
  scopes: Scopes;
  cell: { id: string; jurisdiction: string };
  privacy: PrivacyMode;
  classification: string | null;
  purpose: string | null;
  markings: readonly string[];
  intent: string | null;
  candidates: readonly PolicyCandidate[];
  features: { stream: boolean; tools: boolean; images: boolean; hold_nusd: number };
}

export interface PolicyCandidate {
  id: string;
  alias: string;
  provider: string;
  model: string;
  tier: number;
  locality: "local" | "api";
  jurisdiction: string;
}

/** A decision with its record: ids and digests that the ledger keeps. */
export interface Decided {
  id: DecisionId;
  decision: Decision;
  /** Digest of the policy that answered; `roles-v1:<sha256>` for the built-in table. */
  policy_digest: string;
  input_digest: string | null;
}
