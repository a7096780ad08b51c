import type { Obligation } from "../../../shared/contracts/decision.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Carried } from "../prepare.ts";
import { ofKind } from "./duties.ts";
import type { Outcomes } from "./outcomes.ts";

const asksForFull = (duties: readonly Obligation[]): boolean =>
  ofKind(duties, "audit_level").some(({ params }) => params.level === "full");

/** What a closed record says beyond the usual under `audit_level: full`: facts of the request, never its content. */
export function fullAudit(
  duties: readonly Obligation[],
  { offered, features }: Carried,
  outcomes: Outcomes,
): JsonObject | null {
  for (const duty of ofKind(duties, "audit_level")) outcomes.applied(duty, duty.params.level);
  if (!asksForFull(duties)) return null;
  const { stream, tools, images, structured_output, choices } = features;
  return {
    alias: offered.alias,
    intent: offered.intent?.name ?? null,
    privacy: offered.privacy,
    features: { stream, tools, images, structured_output, choices },
    candidates: offered.offers.map(({ candidate, provider }) => ({
      id: candidate.id,
      tier: candidate.tier,
      locality: provider.locality,
      jurisdiction: provider.jurisdiction,
    })),
    duties: duties.map(({ id }) => id),
  };
}
