import { z } from "zod";
import { DecisionId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { DECISIONS } from "../policy/document.ts";
import { Timestamp } from "./fields.ts";
import { Cursor, pageOf } from "./page.ts";
import { LayerName, ObligationObject, OutcomeObject } from "./policies.ts";

/** Path of one decision; an id that cannot exist is answered like one that does not. */
export const DecisionPath = z.strictObject({ decision_id: DecisionId });

const layer = z.strictObject({
  layer: LayerName,
  version: z.int(),
  revision: z.int().meta({ description: "0: the policy of the cell's release." }),
  digest: z.string(),
  decision: z.enum(DECISIONS),
  reasons: z.array(z.string()),
});

const summary = z.strictObject({
  object: z.literal("decision"),
  id: z.string(),
  created_at: Timestamp,
  task: z.string().nullable(),
  action: z.string(),
  operation: z.string(),
  subject: z.string().nullable().meta({ description: "Null when the input was too long to keep." }),
  decision: z.enum(DECISIONS),
  reasons: z.array(z.string()),
  policies: z.array(layer),
});

const example = {
  object: "decision",
  id: "dec_01JD0000000000000000000000",
  created_at: "2026-11-18T09:30:00.000Z",
  task: "task_01JD0000000000000000000000",
  action: "inference:invoke",
  operation: "chat.completions.create",
  subject: "service:demo",
  decision: "ALLOW",
  reasons: ["role_and_scope"],
  policies: [
    {
      layer: "cell",
      version: 0,
      revision: 0,
      digest: `sha256:${"4f".repeat(32)}`,
      decision: "ALLOW",
      reasons: ["role_and_scope"],
    },
  ],
};

export const DecisionSummary = summary.meta({ id: "DecisionSummary", example });
export const DecisionList = pageOf("DecisionList", DecisionSummary);

export const EXPLAINED = ["evaluated", "bundle_gone", "input_gone"] as const;

/** One decision explained: the same evaluation again, with the rules that held. */
export const DecisionObject = summary
  .extend({
    input_digest: z.string().meta({ description: "SHA-256 over the canonical JSON of the input." }),
    input: z.record(z.string(), z.unknown()).nullable().meta({ description: "What was decided over; never content." }),
    snapshot: z.string().meta({ description: "Digest of the configuration whose facts were given as data." }),
    facts: z.enum(["same", "changed"]).meta({
      description: "`changed`: the configuration is another one now, so the explanation may differ from what was.",
    }),
    outcome: OutcomeObject,
    obligations: z
      .array(
        ObligationObject.extend({
          outcome: z.enum(["applied", "failed"]).nullable(),
          note: z.string().nullable(),
        }),
      )
      .meta({ description: "Those on the call, and those that were carried out for the candidate that was used." }),
    further: z.array(z.string()).meta({ description: "Decisions made later for the same task." }),
    policies: z.array(
      layer.extend({
        explained: z.enum(EXPLAINED).meta({ description: "Whether bundle and input are still there to ask again." }),
        reproduced: z.boolean().nullable().meta({ description: "Whether asking again gave the same answer." }),
        rules: z.array(z.string()).meta({ description: "Rules and functions that gave a result." }),
        rules_truncated: z.boolean(),
        failure: z
          .strictObject({ code: z.string(), detail: z.string() })
          .nullable()
          .meta({ description: "Why the policy itself could not answer; for its author." }),
      }),
    ),
  })
  .meta({
    id: "Decision",
    example: {
      ...example,
      input_digest: "4f".repeat(32),
      input: null,
      snapshot: `sha256:${"0".repeat(64)}`,
      facts: "same",
      outcome: {
        decision: "ALLOW",
        reasons: ["role_and_scope"],
        obligations: [],
        route: null,
        limits: null,
        acr: null,
        approvals: [],
        throttle: null,
      },
      obligations: [],
      further: [],
      policies: example.policies.map((policy) => ({
        ...policy,
        explained: "evaluated",
        reproduced: true,
        rules: ["data.bailiwick.decision"],
        rules_truncated: false,
        failure: null,
      })),
    },
  });
export type DecisionObject = z.infer<typeof DecisionObject>;

const POINTER = /^\/(?:input|result)(?:\/(?:[^~/,]|~0|~1)+)+$/;
const pointersMax = 32;

/** Query of `GET /v1/decisions/log`. */
export const DecisionLogQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
  cursor: Cursor.optional(),
  erase: z
    .string()
    .max(2_048)
    .refine((text) => text.split(",").length <= pointersMax && text.split(",").every((part) => POINTER.test(part)), {
      error: `at most ${pointersMax} JSON pointers below /input or /result, separated by commas`,
    })
    .optional()
    .meta({ description: "Further members to erase, as JSON pointers separated by commas: `/input/actor/subject`." }),
});

/** One entry of OPA's decision log format. */
export const DecisionLogEntry = z
  .strictObject({
    labels: z.strictObject({ id: z.string(), version: z.string() }),
    decision_id: z.string(),
    bundles: z.record(z.string(), z.strictObject({ revision: z.string() })),
    path: z.string(),
    input: z.unknown(),
    result: z.unknown(),
    timestamp: z.string().meta({ description: "RFC 3339, UTC, nanoseconds." }),
    erased: z.array(z.string()).optional().meta({ description: "JSON pointers of what was taken out." }),
  })
  .meta({
    id: "DecisionLogEntry",
    example: {
      labels: { id: "local", version: "0.1.0" },
      decision_id: "dec_01JD0000000000000000000000",
      bundles: { cell: { revision: "0" } },
      path: "bailiwick/decision",
      input: { action: "inference:invoke" },
      result: { decision: "ALLOW", reasons: ["role_and_scope"] },
      timestamp: "2026-11-18T09:30:00.000000000Z",
      erased: ["/input/actor/credential"],
    },
  });
export type DecisionLogEntry = z.infer<typeof DecisionLogEntry>;
export const DecisionLog = pageOf("DecisionLog", DecisionLogEntry);
