import { z } from "zod";
import { Role } from "../actor.ts";
import { ObligationDocument } from "./obligations.ts";
import { CandidateSelector } from "./selector.ts";

/** SemVer of the input and decision contract; a bundle names the version it was written for (same major, minor ≤ ours). */
export const POLICY_CONTRACT = "1.1.0";
/** The rule that every bundle answers by. */
export const POLICY_ENTRYPOINT = "bailiwick/decision";

export const DECISIONS = ["ALLOW", "DENY", "REQUIRE_HITL", "REQUIRE_STEP_UP", "THROTTLE", "ROUTE"] as const;
export type DecisionVerb = (typeof DECISIONS)[number];

export const Acr = z.strictObject({
  values: z.array(z.string().min(1).max(256)).min(1).max(8),
  max_age_s: z.number().int().min(0).max(86_400).optional(),
});
export const ApprovalDemand = z.strictObject({
  approvers: z.number().int().min(1).max(2).default(1),
  role: Role.default("approver"),
  /** Whether an approver may change the proposal before approving it. */
  edit: z.boolean().default(false),
});

/** What one layer's Rego answers. Anything that does not parse is a DENY with reason `document_invalid`. */
export const DecisionDocument = z
  .strictObject({
    decision: z.enum(DECISIONS),
    /** Codes, never policy text: they reach the caller. */
    reasons: z.array(z.string().regex(/^[a-z][a-z0-9_.:-]{0,127}$/)).max(32),
    obligations: z.array(ObligationDocument).max(32).default([]),
    /** Of ROUTE: candidates must match one of `allow` (absent: all do) and none of `deny`. An empty `allow` means none. */
    route: z
      .strictObject({
        allow: z.array(CandidateSelector).max(256).optional(),
        deny: z.array(CandidateSelector).max(256).optional(),
        /** Obligations of those candidates that match. */
        obligations: z
          .array(z.strictObject({ match: CandidateSelector, obligations: z.array(ObligationDocument).max(32) }))
          .max(64)
          .optional(),
      })
      .optional(),
    limits: z
      .strictObject({
        budget_nusd: z.number().int().min(0).max(9e15).optional(),
        output_tokens_max: z.number().int().min(1).max(10_000_000).optional(),
        latency_ms_max: z.number().int().min(1).max(86_400_000).optional(),
      })
      .optional(),
    /** Required by REQUIRE_STEP_UP. */
    acr: Acr.optional(),
    /** Of REQUIRE_HITL; absent: one approver. */
    approval: ApprovalDemand.optional(),
    /** Of THROTTLE: the limit that is named, and how long to wait. */
    throttle: z.strictObject({ limit: z.string().min(1).max(64) }).optional(),
    ttl_s: z.number().int().min(0).max(3_600).optional(),
  })
  .refine((document) => document.decision !== "REQUIRE_STEP_UP" || document.acr !== undefined, "acr is missing")
  .refine((document) => document.decision !== "ROUTE" || document.route !== undefined, "route is missing");
export type DecisionDocument = z.infer<typeof DecisionDocument>;
