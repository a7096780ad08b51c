import type { Actor } from "../../shared/contracts/actor.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { LayerAnswer } from "./answer.ts";

/**
 * A layer's answer, with a demand for authentication that the actor has met taken off: it signed in under one of the
 * demanded context classes, and not longer ago than is demanded. Nobody's sign-in counts as fresh unless the issuer said
 * when it was (RFC 9470 §6). What is left is what the layer would answer otherwise.
 */
export function withStepUpMet(
  answer: LayerAnswer,
  actor: Pick<Actor, "acr" | "auth_time_s">,
  nowMs: number,
): LayerAnswer {
  const { acr, ...rest } = answer;
  if (answer.decision !== "REQUIRE_STEP_UP" || acr === undefined) return answer;
  if (actor.acr === null || !acr.values.includes(actor.acr)) return answer;
  if (acr.max_age_s !== undefined) {
    const age = actor.auth_time_s === undefined ? Number.POSITIVE_INFINITY : nowMs / 1000 - actor.auth_time_s;
    // A sign-in in the future is no sign-in; clocks may differ a little.
    if (age > acr.max_age_s || age < -LIMITS.clockSkewS) return answer;
  }
  if (answer.approval !== undefined) return { ...rest, decision: "REQUIRE_HITL" };
  return { ...rest, decision: answer.route === undefined ? "ALLOW" : "ROUTE" };
}
