import { z } from "zod";
import { Role } from "../actor.ts";
import { LIMITS } from "../limits.ts";
import { UsdAmount } from "../money.ts";
import { Marking } from "../policy/labels.ts";
import { Jurisdiction, ProviderName } from "./fields.ts";

const RuleId = z.string().regex(/^[a-z][a-z0-9_-]{0,63}$/, "an id: lower-case letters, digits, _ and -, at most 64");
/** `*` has no meaning here: a rule that is about everything leaves the member out. */
const names = z.array(z.string().min(1).max(256)).min(1).max(LIMITS.ruleNamesMax);

/** Caps of one call. */
export const CapsEntry = z.strictObject({
  budget_usd: UsdAmount.optional(),
  output_tokens_max: z.number().int().min(1).max(10_000_000).optional(),
  latency_ms_max: z.number().int().min(1).max(86_400_000).optional(),
});
export type CapsEntry = z.infer<typeof CapsEntry>;

/** Where content with a marking may be computed. A marking without an entry stays on the cell's own pools. */
const MarkingEntry = z.strictObject({
  local_only: z.boolean().default(false),
  /** Absent: wherever the call may otherwise go. Empty: nowhere. */
  jurisdictions: z.array(Jurisdiction).max(64).optional(),
  providers: z.array(ProviderName).max(LIMITS.providersMax).optional(),
});

/** A call that is in every list of `when` is denied, or may only use candidates that are in every list of `only`. */
export const RestrictionEntry = z
  .strictObject({
    /** Ends up in reason codes: `restricted:<id>`. */
    id: RuleId,
    when: z
      .strictObject({
        action: names.optional(),
        actor_kind: z
          .array(z.enum(["user", "service", "worker"]))
          .min(1)
          .max(3)
          .optional(),
        workspace: names.optional(),
        project: names.optional(),
        environment: names.optional(),
        intent: names.optional(),
        purpose: names.optional(),
        classification: names.optional(),
      })
      .prefault({}),
    deny: z.literal(true).optional(),
    only: z
      .strictObject({
        candidate: names.optional(),
        alias: names.optional(),
        model: names.optional(),
        provider: names.optional(),
        tier: z
          .array(z.union([z.literal(0), z.literal(1), z.literal(2)]))
          .min(1)
          .max(3)
          .optional(),
        locality: z
          .array(z.enum(["local", "api"]))
          .min(1)
          .max(2)
          .optional(),
        jurisdiction: names.optional(),
      })
      .optional(),
  })
  .check((context) => {
    const { deny, only } = context.value;
    const restricts = only !== undefined && Object.keys(only).length > 0;
    if ((deny === true) === restricts)
      context.issues.push({
        code: "custom",
        message: "give either `deny: true` or candidates under `only`",
        input: null,
      });
  });
export type RestrictionEntry = z.infer<typeof RestrictionEntry>;
export const Restrictions = z
  .array(RestrictionEntry)
  .max(LIMITS.restrictionsMax)
  .check((context) => {
    const ids = context.value.map(({ id }) => id);
    const twice = ids.find((id, at) => ids.indexOf(id) !== at);
    if (twice !== undefined)
      context.issues.push({ code: "custom", message: `the restriction ${twice} is there twice`, input: null });
  });

/** Names of detectors, or `pii` and `secrets` for all of a kind. */
const DetectorName = z.string().regex(/^[a-z][a-z0-9_.-]{0,63}$/, "the name of a detector");
export const DataLossEntry = z.strictObject({
  detectors: z
    .record(
      DetectorName,
      z.strictObject({ effect: z.enum(["deny", "redact"]), leaving_only: z.boolean().default(false) }),
    )
    .default({}),
  /** What these find is taken out of every answer. */
  output: z.array(DetectorName).max(64).default([]),
});
export type DataLossEntry = z.infer<typeof DataLossEntry>;

const ActionOrOperation = z
  .string()
  .regex(
    /^[a-z][a-z-]{0,31}(?::[a-z][a-z-]{0,31}|(?:\.[a-z][a-z_-]{0,31}){1,4})$/,
    "an action such as key:write, or an operation such as keys.rotate",
  );
export const HighRiskEntry = z.strictObject({
  actions: z
    .record(
      ActionOrOperation,
      z.strictObject({
        approval: z
          .strictObject({
            approvers: z.number().int().min(1).max(2).default(1),
            role: Role.default("approver"),
            edit: z.boolean().default(false),
          })
          .nullable()
          .default(null),
        step_up: z.boolean().default(false),
      }),
    )
    .default({}),
  /** Authentication contexts that satisfy a step-up. With them, users need one for every irreversible write. */
  acr_values: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/))
    .min(1)
    .max(8)
    .nullable()
    .default(null),
});
export type HighRiskEntry = z.infer<typeof HighRiskEntry>;

/** What the default policy decides by, beside providers, privacy and routing. */
export const ruleMembers = {
  markings: z.record(Marking, MarkingEntry).default({}),
  restrictions: Restrictions.default([]),
  data_loss: DataLossEntry.prefault({}),
  high_risk: HighRiskEntry.prefault({}),
};
