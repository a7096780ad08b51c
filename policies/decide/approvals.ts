import type { Actor } from "../../shared/contracts/actor.ts";
import type { LayerApproval, PolicyLayerName } from "../../shared/contracts/decision.ts";
import type { ApprovalEvidence } from "../../shared/contracts/ports/policy.ts";
import type { LayerAnswer } from "./answer.ts";

/** Everybody in whose name a call is made: the actor and its chain of delegation. None of them can approve it. */
export const requestersOf = (actor: Pick<Actor, "subject" | "act">): string[] => [
  actor.subject,
  ...actor.act.map(({ subject }) => subject),
];

/** What a layer asks for that answers REQUIRE_HITL, or states an approval beside its step-up; null where it asks for nothing. */
export function approvalOf(layer: PolicyLayerName, answer: LayerAnswer): LayerApproval | null {
  if (answer.decision !== "REQUIRE_HITL" && answer.approval === undefined) return null;
  const { approvers, role, edit } = answer.approval ?? { approvers: 1, role: "approver", edit: false };
  return { layer, approvers, role, edit };
}

/**
 * Whether the evidence holds enough distinct approvers for a demand. A grant counts for its own layer alone, only with the
 * role that is demanded, and never when it is by somebody in whose name the call is made.
 */
export function isSatisfied(
  demand: LayerApproval,
  evidence: ApprovalEvidence | null,
  requesters: readonly string[],
): boolean {
  if (evidence === null) return false;
  const approvers = new Set<string>();
  for (const { layer, subject, roles } of evidence.granted) {
    if (layer === demand.layer && roles.includes(demand.role) && !requesters.includes(subject)) approvers.add(subject);
  }
  return approvers.size >= demand.approvers;
}
