import type { Role } from "../actor.ts";
import type { Decided, PolicyInput, PolicyLayerName } from "../decision.ts";

/** Who approved a proposal for which layer: what an approval demand of that layer is held against. */
export interface ApprovalEvidence {
  /** Digest of the proposal that was approved. */
  digest: string;
  granted: readonly { layer: PolicyLayerName; subject: string; roles: readonly Role[] }[];
}

/** What a decision rests on besides its input. */
export interface PolicyBasis {
  /** The version of the tenant's policy that the edge knows; `admit` compares it. */
  tenant_version: number;
  /** Present when an approved proposal is executed. */
  approval?: ApprovalEvidence;
}

/** Answers before anything happens. Deny by default; whatever goes wrong inside is a DENY or `PolicyUnavailable`. */
export interface Policy {
  /** Rejects with `PolicyUnavailable` when there is no live policy; never answers ALLOW by accident. */
  decide(input: PolicyInput, basis: PolicyBasis): Promise<Decided>;
  /** One decision per input, in order, over one state of the policy; for filtering lists. Inputs are of one tenant. */
  decideMany(inputs: readonly PolicyInput[], basis: PolicyBasis): Promise<Decided[]>;
}

export class PolicyUnavailable extends Error {
  override readonly name = "PolicyUnavailable";
}
