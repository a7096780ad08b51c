import { z } from "zod";
import { TenantId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { DECISIONS } from "../policy/document.ts";
import { PolicyInput } from "../policy/input.ts";
import { Timestamp } from "./fields.ts";
import { Cursor, pageOf } from "./page.ts";

export const LayerName = z.enum(["cell", "tenant"]).meta({
  description: "Whose policy: the tenant's own, or the cell's, which its operators alone see and change.",
});
const Revision = z.int().min(1).meta({ description: "The bundle's signed revision; only ever increases." });
const Digest = z.string().meta({ description: "SHA-256 of the archive." });
const ExpectedVersion = z
  .int()
  .min(0)
  .optional()
  .meta({ description: "Refused with 409 unless the layer is at this version." });

/** Query of operations on one layer. */
export const LayerQuery = z.strictObject({
  layer: LayerName.default("tenant"),
  tenant: TenantId.optional().meta({ description: "Whose layer; only operators of the cell may name another tenant." }),
});
export const LayerPageQuery = LayerQuery.extend({
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
  cursor: Cursor.optional(),
});

/** Path of one bundle; a revision that cannot exist is answered like one that does not. */
export const BundlePath = z.strictObject({
  revision: z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
});

const exampleDigest = `sha256:${"4f".repeat(32)}`;

/** A bundle that a layer keeps, or kept: without its bytes. */
export const BundleObject = z
  .strictObject({
    object: z.literal("policy.bundle"),
    id: z.string().meta({ description: "The revision, as a path names it." }),
    layer: LayerName,
    revision: Revision,
    digest: Digest,
    contract: z.string().meta({ description: "SemVer of the input and decision contract that it was written for." }),
    signed_by: z.string().meta({ description: "Id of the key that its signature verified under." }),
    bytes: z.int(),
    state: z.enum(["stored", "canary", "active", "retired"]).meta({
      description: "`retired`: made room for newer ones; listed, but its archive is gone.",
    }),
    created_at: Timestamp,
    created_by: z.string(),
  })
  .meta({
    id: "PolicyBundle",
    example: {
      object: "policy.bundle",
      id: "12",
      layer: "tenant",
      revision: 12,
      digest: exampleDigest,
      contract: "1.0.0",
      signed_by: "release-2026",
      bytes: 18_204,
      state: "active",
      created_at: "2026-11-18T09:30:00.000Z",
      created_by: "user:officer",
    },
  });
export type BundleObject = z.infer<typeof BundleObject>;
export const BundleList = pageOf("PolicyBundleList", BundleObject);

const ref = z.strictObject({ revision: Revision, digest: Digest });

/** What is in force in a layer. */
export const PolicyObject = z
  .strictObject({
    object: z.literal("policy"),
    layer: LayerName,
    version: z.int().meta({ description: "Counts activations, roll backs and canary changes." }),
    active: ref.nullable().meta({
      description: "Null: no bundle; the cell then decides by the policy of its release, a tenant adds no demand.",
    }),
    canary: ref
      .extend({ percent: z.int() })
      .nullable()
      .meta({ description: "Decides for this share of the actors instead, chosen by a digest of their subject." }),
  })
  .meta({
    id: "Policy",
    example: {
      object: "policy",
      layer: "tenant",
      version: 7,
      active: { revision: 12, digest: exampleDigest },
      canary: null,
    },
  });

/** `POST /v1/policies/bundles/{revision}/activate`. */
export const ActivateBundle = z
  .strictObject({
    canary_percent: z
      .int()
      .min(1)
      .max(99)
      .nullable()
      .default(null)
      .meta({ description: "Only for this share of the actors; null: for all, which ends a canary." }),
    expected_version: ExpectedVersion,
  })
  .meta({ id: "ActivateBundle", example: { canary_percent: null } });

/** `POST /v1/policies/rollback`. */
export const RollbackPolicy = z
  .strictObject({
    revision: Revision.nullable()
      .default(null)
      .meta({ description: "An older revision; null: what was active before, which may have been no bundle." }),
    expected_version: ExpectedVersion,
  })
  .meta({ id: "RollbackPolicy", example: {} });

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** Base64 makes four characters of three bytes. */
const BUNDLE_CHARS_MAX = Math.ceil(LIMITS.policyBundleBytesMax / 3) * 4;

/** `POST /v1/policies/simulate`: one candidate against inputs, or against what was decided last. */
export const SimulatePolicy = z
  .strictObject({
    layer: LayerName.default("tenant"),
    revision: Revision.optional().meta({ description: "A kept bundle; or give `bundle`." }),
    bundle: z
      .string()
      .min(4)
      .max(BUNDLE_CHARS_MAX)
      .regex(BASE64)
      .optional()
      .meta({ description: "A signed bundle's archive in base64, which is kept nowhere; or give `revision`." }),
    inputs: z.array(PolicyInput).min(1).max(LIMITS.simulationInputsMax).optional(),
    decisions: z
      .int()
      .min(1)
      .max(LIMITS.simulationInputsMax)
      .optional()
      .meta({ description: "The tenant's last so many decisions; or give `inputs`." }),
    changes_only: z.boolean().default(false).meta({ description: "List only what would be decided otherwise." }),
  })
  .refine(({ bundle, revision }) => (bundle === undefined) !== (revision === undefined), {
    path: ["bundle"],
    error: "give either `bundle` or `revision`",
  })
  .refine(({ inputs, decisions }) => (inputs === undefined) !== (decisions === undefined), {
    path: ["inputs"],
    error: "give either `inputs` or `decisions`",
  })
  .meta({ id: "SimulatePolicy", example: { revision: 1, decisions: 100 } });

export type SimulatePolicy = z.infer<typeof SimulatePolicy>;

export const ObligationObject = z.strictObject({ id: z.string(), params: z.record(z.string(), z.unknown()) });

/** What was, or would be, answered. */
export const OutcomeObject = z.strictObject({
  decision: z.enum(DECISIONS),
  reasons: z.array(z.string()),
  obligations: z.array(ObligationObject),
  route: z
    .record(z.string(), z.array(ObligationObject))
    .nullable()
    .meta({ description: "By candidate that may be used: what under. Null: nothing was routed." }),
  limits: z
    .strictObject({
      budget_nusd: z.int().optional(),
      output_tokens_max: z.int().optional(),
      latency_ms_max: z.int().optional(),
    })
    .nullable(),
  acr: z.strictObject({ values: z.array(z.string()), max_age_s: z.int().optional() }).nullable(),
  approvals: z.array(z.strictObject({ layer: LayerName, approvers: z.int(), role: z.string(), edit: z.boolean() })),
  throttle: z.strictObject({ limit: z.string() }).nullable(),
});

export const SIMULATED_CHANGES = [
  "same",
  "newly_denied",
  "newly_allowed",
  "changed_decision",
  "changed_route",
  "changed_obligations",
  "changed_demands",
] as const;
export const SimulatedChange = z.enum(SIMULATED_CHANGES).meta({
  description:
    "The first that is so: denied where it passed before, passed where it was denied, another decision, another set of candidates, other obligations, other limits, approvals or authentication.",
});
export type SimulatedChange = z.infer<typeof SimulatedChange>;

export const Simulation = z
  .strictObject({
    object: z.literal("policy.simulation"),
    layer: LayerName,
    candidate: ref,
    evaluated: z.int().meta({ description: "Inputs that were decided by both." }),
    omitted: z.int().meta({
      description: "Decisions whose input is not kept, and inputs that the bound on steps left out.",
    }),
    summary: z.strictObject(
      // safe because: every name of the list gets the same schema
      Object.fromEntries(SIMULATED_CHANGES.map((change) => [change, z.int()])) as Record<SimulatedChange, z.ZodInt>,
    ),
    data: z.array(
      z.strictObject({
        index: z.int().meta({ description: "Of the input, or of the decision, newest first." }),
        decision_id: z.string().nullable(),
        input_digest: z.string(),
        change: SimulatedChange,
        old: OutcomeObject.meta({ description: "By the policy in force." }),
        new: OutcomeObject.meta({ description: "With the candidate in its layer's place." }),
      }),
    ),
  })
  .meta({
    id: "PolicySimulation",
    example: {
      object: "policy.simulation",
      layer: "tenant",
      candidate: { revision: 13, digest: exampleDigest },
      evaluated: 0,
      omitted: 0,
      summary: Object.fromEntries(SIMULATED_CHANGES.map((change) => [change, 0])),
      data: [],
    },
  });
export type Simulation = z.infer<typeof Simulation>;
