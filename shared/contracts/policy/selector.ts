import { z } from "zod";

const name = z.string().min(1).max(256);

/** Which candidates a rule is about: every member that is there must match; an empty selector matches all. */
export const CandidateSelector = z.strictObject({
  /** `<provider>:<model>`. */
  candidate: name.optional(),
  /** Exact model id. */
  engine: name.optional(),
  provider: name.optional(),
  /** Jurisdiction in which the candidate computes. */
  region: name.optional(),
  tier: z.number().int().min(0).max(2).optional(),
  locality: z.enum(["local", "api"]).optional(),
});
export type CandidateSelector = z.infer<typeof CandidateSelector>;
