import type { Decision } from "../../shared/contracts/decision.ts";
import { PolicyUnavailable } from "../../shared/contracts/ports/policy.ts";
import type { RecordedDecision } from "../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Call, Deps } from "../context.ts";
import { decisionRecord } from "../pipeline/decision-record.ts";
import { dutiesOf, keyOf } from "./obligations/duties.ts";

/** Why a hop is not taken, and the decision that says so, if there was one. */
export interface HopRefused {
  reason: "policy_denied" | "policy_unavailable";
  decision: RecordedDecision | null;
}

/**
 * A live decision about one fallback hop: policy is asked again about this candidate alone, as of now. The call goes on as
 * it was admitted, so a decision that asks for more than the call already does refuses the hop.
 */
export async function decideHop(
  deps: Pick<Deps, "policy" | "telemetry" | "clock">,
  call: Pick<Call, "policyInput" | "decided" | "access" | "task" | "snapshot">,
  candidate: string,
): Promise<Result<RecordedDecision, HopRefused>> {
  const input = {
    ...call.policyInput,
    point: "fallback" as const,
    candidates: call.policyInput.candidates.filter(({ id }) => id === candidate),
  };
  try {
    const decided = await deps.policy.decide(input, { tenant_version: call.access.versions.policy });
    const about = { task: call.task, snapshot: call.snapshot.digest, atMs: deps.clock.now() };
    const decision = decisionRecord(decided, input, about);
    return isCovered(decided.decision, call.decided.decision, candidate)
      ? ok(decision)
      : err({ reason: "policy_denied", decision });
  } catch (cause) {
    if (!(cause instanceof PolicyUnavailable)) throw cause;
    deps.telemetry.metrics.count("bailiwick_policy_unavailable_total", {});
    deps.telemetry.log.error("policy.unavailable", cause, { task: call.task, point: "fallback" });
    return err({ reason: "policy_unavailable", decision: null });
  }
}

/** Whether the hop is allowed under nothing but what the call was admitted under. */
function isCovered(now: Decision, admitted: Decision, candidate: string): boolean {
  if (now.decision !== "ALLOW" && now.decision !== "ROUTE") return false;
  if (now.route && !now.route.candidates.has(candidate)) return false;
  const kept = new Set(dutiesOf(admitted, candidate).map(keyOf));
  if (!dutiesOf(now, candidate).every((duty) => kept.has(keyOf(duty)))) return false;
  return (["budget_nusd", "output_tokens_max", "latency_ms_max"] as const).every((name) => {
    const limit = now.limits?.[name];
    return limit === undefined || limit >= (admitted.limits?.[name] ?? Number.POSITIVE_INFINITY);
  });
}
