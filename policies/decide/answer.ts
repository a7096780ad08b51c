import type { DecisionDocument } from "../../shared/contracts/policy/document.ts";
import type { Obligation } from "../../shared/contracts/policy/obligations.ts";
import type { CandidateSelector } from "../../shared/contracts/policy/selector.ts";

/** Why a layer, or the two together, deny without a rule of theirs having said so. They reach the caller as reason codes. */
export const DENIALS = {
  /** The policy has no answer to this input. */
  undefined: "policy_undefined",
  /** Two rules answer differently. */
  conflict: "policy_conflict",
  builtin: "policy_builtin_error",
  /** Steps, depth, texts or results beyond the limits. */
  limit: "policy_step_limit",
  /** The evaluation itself broke. */
  error: "policy_error",
  document: "document_invalid",
  obligationUnknown: "obligation_unknown",
  /** A known obligation whose parameters do not parse. */
  obligationInvalid: "obligation_invalid",
  obligationConflict: "obligation_conflict",
  noCandidate: "no_approved_candidate",
  /** Both layers ask for authentication, and no context class satisfies both. */
  acrConflict: "acr_conflict",
} as const;
export type Denial = (typeof DENIALS)[keyof typeof DENIALS];

/** Which candidates a layer approves, and what those that match are used under. */
export interface RouteAnswer {
  allow?: readonly CandidateSelector[] | undefined;
  deny?: readonly CandidateSelector[] | undefined;
  obligations?: readonly { match: CandidateSelector; obligations: readonly Obligation[] }[] | undefined;
}

/** A decision document with its obligations parsed: what one layer demands. */
export type LayerAnswer = Omit<DecisionDocument, "obligations" | "route"> & {
  obligations: Obligation[];
  route?: RouteAnswer | undefined;
};

/** A denial that only its code explains. */
export const denial = (code: Denial): LayerAnswer => ({ decision: "DENY", reasons: [code], obligations: [] });
