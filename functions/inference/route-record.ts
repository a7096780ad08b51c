import type { RouteReason, RouteRecord } from "../../shared/contracts/task.ts";
import { modelDigest } from "./model-digest.ts";
import type { Plan } from "./plan.ts";

/** How one try of a hop ended. */
export interface Try {
  candidate: string;
  outcome: "chosen" | "failed";
  /** For a failure its reason, for success what made it the one: both end up in the record. */
  reason: string;
}

/** The route as it was taken: every candidate once, with its last outcome; hops that were not needed say so. */
export function routeRecord(plan: Plan, tries: readonly Try[]): RouteRecord {
  const last = (id: string) => tries.findLast((tried) => tried.candidate === id);
  const hops = plan.hops.map(({ candidate }): RouteReason => {
    const tried = last(candidate.id);
    return tried
      ? { candidate: candidate.id, outcome: tried.outcome, reason: tried.reason }
      : { candidate: candidate.id, outcome: "rejected", reason: "not_needed" };
  });
  const chosen = plan.hops.find(({ candidate }) => last(candidate.id)?.outcome === "chosen");
  const { route, candidate } =
    chosen ?? plan.hops.findLast((hop) => last(hop.candidate.id) !== undefined) ?? plan.hops[0];
  return {
    route,
    lane: candidate.lane,
    chosen_by: plan.chosenBy,
    provider: chosen?.candidate.provider ?? null,
    model: chosen?.candidate.model ?? null,
    model_digest: chosen ? modelDigest(chosen.candidate, chosen.provider) : null,
    reasons: [...hops, ...plan.rejected],
  };
}
