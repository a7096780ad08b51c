import { z } from "zod";
import { Role } from "../actor.ts";
import { DecisionId } from "../ids.ts";
import { Acr, DECISIONS } from "./document.ts";
import { PolicyInput } from "./input.ts";
import { OBLIGATION_IDS, OBLIGATIONS, type Obligation } from "./obligations.ts";

const Layer = z.enum(["cell", "tenant"]);
const Reasons = z.array(z.string());

/** An obligation that was demanded; parameters parse by its own schema. */
const RecordedObligation = z
  .object({ id: z.enum(OBLIGATION_IDS), params: z.record(z.string(), z.json()) })
  .transform((obligation, context): Obligation => {
    const params = OBLIGATIONS[obligation.id].safeParse(obligation.params);
    if (params.success) return { id: obligation.id, params: params.data } as Obligation; // safe because: parsed by the schema of this id
    context.issues.push({ code: "custom", message: "parameters of an obligation do not parse", input: obligation });
    return z.NEVER;
  });

/** What was answered, as the ring of a tenant's object keeps it. */
export const RecordedOutcome = z.object({
  decision: z.enum(DECISIONS),
  reasons: Reasons,
  obligations: z.array(RecordedObligation),
  /** Null: the decision did not route. By candidate id: what each may be used under. */
  route: z.record(z.string(), z.array(RecordedObligation)).nullable(),
  limits: z
    .object({
      budget_nusd: z.number().optional(),
      output_tokens_max: z.number().optional(),
      latency_ms_max: z.number().optional(),
    })
    .nullable(),
  acr: Acr.nullable(),
  approvals: z.array(z.object({ layer: Layer, approvers: z.number().int(), role: Role, edit: z.boolean() })),
  throttle: z.object({ limit: z.string() }).nullable(),
});
export type RecordedOutcome = z.infer<typeof RecordedOutcome>;

/**
 * One decision with all that it rests on, so that it can be explained and simulated again: input, instant, and the
 * bundles and configuration by digest. Never content of the request.
 */
export const DecisionRecord = z.object({
  schema_version: z.literal(1),
  id: DecisionId,
  at_ms: z.number().int(),
  task: z.string().nullable(),
  /** Digest of the configuration whose facts were given as data. */
  snapshot: z.string(),
  /** Null when it was longer than the ring keeps. */
  input: PolicyInput.nullable(),
  action: z.string(),
  operation: z.string(),
  /** SHA-256 hex over the canonical JSON of the input. */
  input_digest: z.string(),
  /** The instant that the policies were asked with, nanoseconds since the epoch as a decimal. */
  now_ns: z.string().regex(/^\d{1,20}$/),
  layers: z.array(
    z.object({
      layer: Layer,
      version: z.number().int(),
      revision: z.number().int(),
      digest: z.string(),
      decision: z.enum(DECISIONS),
      reasons: Reasons,
    }),
  ),
  outcome: RecordedOutcome,
});
export type DecisionRecord = z.infer<typeof DecisionRecord>;
