import type { Decided, PolicyInput } from "../decision.ts";

/** Answers before anything happens. Deny by default; whatever goes wrong inside is a DENY or `policy_unavailable`. */
export interface Policy {
  /** Rejects with `PolicyUnavailable` when there is no live policy; never answers ALLOW by accident. */
  decide(input: PolicyInput): Promise<Decided>;
  /** One decision per input, in order; for filtering lists. */
  decideMany(inputs: readonly PolicyInput[]): Promise<Decided[]>;
}

export class PolicyUnavailable extends Error {
  override readonly name = "PolicyUnavailable";
}
