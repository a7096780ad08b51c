import { z } from "zod";
import { DeclaredTensor } from "../http/tensor-models.ts";
import { LIMITS } from "../limits.ts";
import { DIALECTS } from "../ports/engine.ts";
import {
  AliasName,
  CandidateRef,
  IntentName,
  ModelId,
  ProviderName,
  UsdPerMillion,
  UsdPerUnit,
  Weight,
} from "./fields.ts";
import { STRATEGIES } from "./snapshot.ts";

export const CAPABILITIES = [
  "chat",
  "completions",
  "embeddings",
  "tools",
  "vision",
  "structured_output",
  "predict",
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/**
 * Tokens in USD per million, everything else in USD per unit. A cached token costs as an input token unless said. Of
 * tensor inference a `step` is a call, and a `point` an element of its inputs.
 */
export const PriceEntry = z.strictObject({
  /** May be left out of a model that takes nothing but tensors. */
  input: UsdPerMillion.optional(),
  output: UsdPerMillion.optional(),
  cached_input: UsdPerMillion.optional(),
  second: UsdPerUnit.optional(),
  image: UsdPerUnit.optional(),
  point: UsdPerUnit.optional(),
  step: UsdPerUnit.optional(),
});
export type PriceEntry = z.infer<typeof PriceEntry>;

const tokens = (max: number) => z.number().int().min(1).max(max);
const facts = {
  tier: z.union([z.literal(0), z.literal(1), z.literal(2)], { error: "expected 0, 1 or 2" }).optional(),
  lane: z.enum(["direct", "queue"]).optional(),
  /** `none`: this model costs nothing, on purpose. */
  prices: z.union([z.literal("none"), PriceEntry]).optional(),
  /** What a line of a batch costs less than a call: 0.5 is half price. */
  batch_discount: z.number().min(0).max(1).optional(),
  context_tokens: tokens(100_000_000).optional(),
  output_tokens_max: tokens(10_000_000).optional(),
  reserve_output_tokens: tokens(10_000_000).optional(),
  image_tokens: tokens(1_000_000).optional(),
  capabilities: z.array(z.enum(CAPABILITIES)).min(1).max(CAPABILITIES.length).optional(),
  /** Which surfaces may be answered by this model; derived from `capabilities` when absent. */
  surfaces: z.array(z.enum(DIALECTS)).min(1).max(DIALECTS.length).optional(),
  weight: Weight.optional(),
  /** What a model of tensors takes and answers: inputs are held against it, and clients are told of it. */
  tensors: z
    .strictObject({
      inputs: z.array(DeclaredTensor).min(1).max(LIMITS.oipTensorsMax),
      outputs: z.array(DeclaredTensor).min(1).max(LIMITS.oipTensorsMax),
    })
    .optional(),
  /** Digest of the weights that the pool serves under this name; goes into evidence. */
  weights_digest: z
    .string()
    .regex(/^sha256:[0-9a-f]{64}$/)
    .optional(),
};

export const CandidateEntry = z.strictObject({ provider: ProviderName, model: ModelId, ...facts });
export type CandidateEntry = z.infer<typeof CandidateEntry>;

/** Either one candidate (`provider`, `model` and its facts) or a list of them, some by reference. */
export const ModelEntry = z
  .strictObject({
    provider: ProviderName.optional(),
    model: ModelId.optional(),
    ...facts,
    candidates: z
      .array(z.union([CandidateRef, CandidateEntry]))
      .min(1)
      .max(LIMITS.candidatesMax)
      .optional(),
    strategy: z.enum(STRATEGIES).default("ordered"),
    intent: IntentName.optional(),
    owned_by: z.string().min(1).max(64).optional(),
  })
  .check((context) => {
    const { provider, model, candidates } = context.value;
    const refuse = (message: string) => void context.issues.push({ code: "custom", message, input: null });
    const single = Object.keys(facts).find((fact) => Object.hasOwn(context.value, fact));
    if (candidates === undefined && (provider === undefined || model === undefined))
      refuse("give `provider` and `model`, or a list of `candidates`");
    else if (candidates !== undefined && (provider !== undefined || model !== undefined))
      refuse("give `provider` and `model`, or a list of `candidates`, not both");
    else if (candidates !== undefined && single !== undefined)
      refuse(`\`${single}\` belongs to each candidate, not beside the list of \`candidates\``);
  });
export type ModelEntry = z.infer<typeof ModelEntry>;

const Tier = z.strictObject({
  local: z.array(CandidateRef).max(LIMITS.candidatesMax).default([]),
  cloud: z.array(CandidateRef).max(LIMITS.candidatesMax).default([]),
});

/** `models.yml` */
export const ModelsFile = z.strictObject({
  tiers: z.strictObject({ tier0: Tier.optional(), tier1: Tier.optional(), tier2: Tier.optional() }).prefault({}),
  models: z.record(AliasName, ModelEntry).default({}),
});
export type ModelsFile = z.infer<typeof ModelsFile>;
