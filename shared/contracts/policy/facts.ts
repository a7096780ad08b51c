import { z } from "zod";
import { Role } from "../actor.ts";
import { PrivacyMode } from "./privacy.ts";

/** A set as Rego finds members fastest: `{"eu": true}`; `set[name]` is undefined for what is not in it. */
export const FactSet = z.record(z.string(), z.literal(true));
export type FactSet = z.infer<typeof FactSet>;

/** Caps of a call, as the decision states them; an absent one caps nothing. */
export const FactLimits = z.strictObject({
  budget_nusd: z.number().int().min(0).max(9e15).optional(),
  output_tokens_max: z.number().int().min(1).max(10_000_000).optional(),
  latency_ms_max: z.number().int().min(1).max(86_400_000).optional(),
});

export const IntentFacts = z.strictObject({
  privacy: PrivacyMode,
  /** Of `local`, `api`, `hybrid`. */
  routes: FactSet,
  /** By tier number: whether this intent may use it. */
  tiers: z.tuple([z.boolean(), z.boolean(), z.boolean()]),
  /** null: any purpose, and none. */
  purposes: FactSet.nullable(),
  limits: FactLimits,
});
export type IntentFacts = z.infer<typeof IntentFacts>;

/** Where marked content may be computed. null: the marking says nothing about it. Markings without facts stay on the cell's own pools. */
export const MarkingFacts = z.strictObject({
  local_only: z.boolean(),
  jurisdictions: FactSet.nullable(),
  providers: FactSet.nullable(),
});

/**
 * Attributes of a call against attributes of candidates. A call that is in every set of `when` is denied (`deny`), or may
 * only use candidates that are in every set of `only`. `id` ends up in reason codes: `restricted:<id>`.
 */
export const Restriction = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/),
  when: z.strictObject({
    action: FactSet.optional(),
    actor_kind: FactSet.optional(),
    workspace: FactSet.optional(),
    project: FactSet.optional(),
    environment: FactSet.optional(),
    intent: FactSet.optional(),
    purpose: FactSet.optional(),
    classification: FactSet.optional(),
  }),
  deny: z.boolean(),
  only: z.strictObject({
    candidate: FactSet.optional(),
    alias: FactSet.optional(),
    model: FactSet.optional(),
    provider: FactSet.optional(),
    /** As text. */
    tier: FactSet.optional(),
    locality: FactSet.optional(),
    jurisdiction: FactSet.optional(),
  }),
});
export type Restriction = z.infer<typeof Restriction>;

/** What is done when a named detector found something: the call is denied, or it is taken out. */
export const DetectorFacts = z.strictObject({
  effect: z.enum(["deny", "redact"]),
  /** Only where the content would leave the cell: `deny` then routes to the cell's own pools. */
  leaving_only: z.boolean(),
});

/** What a high-risk action needs; both may be asked for. */
export const RiskFacts = z.strictObject({
  approval: z.strictObject({ approvers: z.number().int().min(1).max(2), role: Role, edit: z.boolean() }).nullable(),
  step_up: z.boolean(),
});

/**
 * `data.facts`: the configuration that policies decide by, derived from one snapshot for one tenant, so that no tenant's
 * policy reads about another. No bundle may own this root (ADR 0008).
 */
export const PolicyFacts = z.strictObject({
  schema_version: z.literal(1),
  /** Digest of the snapshot that these are derived from. */
  snapshot: z.string(),
  residency: z.strictObject({
    /** Jurisdictions of external providers that are accepted beside the cell's own. */
    jurisdictions_allow: FactSet,
  }),
  providers: z.strictObject({
    deny: FactSet,
    /** All that the cell allows by name: without a list in the configuration, every configured provider. */
    allow: FactSet,
  }),
  privacy: z.strictObject({ local_only_intents: FactSet, local_only_classifications: FactSet }),
  intents: z.record(z.string(), IntentFacts),
  markings: z.record(z.string(), MarkingFacts),
  restrictions: z.array(Restriction).max(256),
  data_loss: z.strictObject({
    /** By detector. Empty: nobody needs to look. */
    detectors: z.record(z.string(), DetectorFacts),
    /** Detectors whose finds are taken out of every answer. */
    output: z.array(z.string()).max(64),
  }),
  high_risk: z.strictObject({
    /** By action (`key:write`) or operation (`keys.rotate`); the operation's entry counts before the action's. */
    actions: z.record(z.string(), RiskFacts),
    /** Authentication contexts that satisfy a step-up; users need one of them for irreversible writes. null: no step-up. */
    acr_values: z.array(z.string().min(1).max(256)).min(1).max(8).nullable(),
  }),
  tenant: z.strictObject({
    id: z.string(),
    /** All that this tenant may use by name: without a list of its own, every configured provider. */
    providers_allow: FactSet,
    /** Of calls that reach an engine; null: any, and none. */
    purposes: FactSet.nullable(),
    /** Markings that this tenant is cleared for; null: any. */
    markings: FactSet.nullable(),
  }),
});
export type PolicyFacts = z.infer<typeof PolicyFacts>;

/** The set of these names. */
export const factSet = (names: Iterable<string>): FactSet =>
  Object.fromEntries([...names].map((name) => [name, true] as const));
