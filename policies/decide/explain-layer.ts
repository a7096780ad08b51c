import { LIMITS } from "../../shared/contracts/limits.ts";
import type { EvaluationLimits } from "../engine/evaluate.ts";
import type { Value } from "../engine/value.ts";
import { decideLayer, type LayerOutcome, type LayerPolicy } from "./decide-layer.ts";

/** A layer's answer with the rules and functions that gave a result, such as `data.bailiwick.decision`, sorted. */
export interface LayerExplanation extends LayerOutcome {
  rules: string[];
  /** More rules held than are listed. */
  truncated: boolean;
}

/** The same evaluation as `decideLayer`, traced: equal arguments give the equal answer. */
export function explainLayer(
  policy: LayerPolicy,
  input: Value,
  nowNs: bigint,
  limits?: Partial<EvaluationLimits>,
): LayerExplanation {
  const rules = new Set<string>();
  let truncated = false;
  const outcome = decideLayer(policy, input, nowNs, limits, (path) => {
    const rule = path.join(".");
    if (rules.size < LIMITS.policyRulesTracedMax || rules.has(rule)) rules.add(rule);
    else truncated = true;
  });
  return { ...outcome, rules: [...rules].sort(), truncated };
}
