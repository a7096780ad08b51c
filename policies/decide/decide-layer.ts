import { POLICY_ENTRYPOINT } from "../../shared/contracts/policy/document.ts";
import { type EvalFailure, type EvaluationLimits, evaluate, type Plan } from "../engine/evaluate.ts";
import type { Trace } from "../engine/machine.ts";
import { OObject, type Value } from "../engine/value.ts";
import { DENIALS, type Denial, denial, type LayerAnswer } from "./answer.ts";
import { readDocument } from "./read-document.ts";

/** The entry point as Rego spells it. */
const RULE = `data.${POLICY_ENTRYPOINT.replaceAll("/", ".")}`;

/** A policy with the data it is evaluated over; both are shared by evaluations and never changed. */
export interface LayerPolicy {
  plan: Plan;
  data: Value;
}

/** What a layer answered. `failure` says why a denial is not the policy's own; it is for its author, never for the caller. */
export interface LayerOutcome {
  answer: LayerAnswer;
  failure: { code: Denial; detail: string } | null;
  spent_steps: number;
  /** True: the same policy answers so to the same input at any time. A failure never is. */
  timeless: boolean;
}

/** `data` with the configuration under `facts`, the root that no bundle may own. Copies one level, so do it once a snapshot. */
export function withFacts(data: Value, facts: Value): Value {
  const merged = data instanceof OObject ? data.copy() : new OObject();
  merged.set("facts", facts);
  return merged;
}

/**
 * One layer's answer to an input. Pure and total: a policy that is undefined, contradicts itself, fails in a builtin,
 * runs too long or answers what is no decision denies with the code that says so; nothing that goes wrong here allows.
 */
export function decideLayer(
  policy: LayerPolicy,
  input: Value,
  nowNs: bigint,
  limits?: Partial<EvaluationLimits>,
  trace?: Trace,
): LayerOutcome {
  try {
    return ask(policy, input, nowNs, limits, trace);
  } catch (error) {
    return failed(DENIALS.error, error instanceof Error ? error.message : String(error), 0);
  }
}

function ask(
  { plan, data }: LayerPolicy,
  input: Value,
  nowNs: bigint,
  limits: Partial<EvaluationLimits> | undefined,
  trace: Trace | undefined,
): LayerOutcome {
  const evaluated = evaluate(plan, POLICY_ENTRYPOINT, {
    input,
    data,
    now_ns: nowNs,
    strict: true,
    ...(limits && { limits }),
    ...(trace && { trace }),
  });
  if (!evaluated.ok) return failed(codeOf(evaluated.error), detailOf(evaluated.error), 0);
  const { value, spent_steps, timeless } = evaluated.value;
  if (value === undefined) return failed(DENIALS.undefined, `${RULE} is undefined`, spent_steps);
  const document = readDocument(value);
  if (!document.ok) return failed(document.error.code, document.error.detail, spent_steps);
  return { answer: document.value, failure: null, spent_steps, timeless };
}

const failed = (code: Denial, detail: string, spent_steps: number): LayerOutcome => ({
  answer: denial(code),
  failure: { code, detail },
  spent_steps,
  timeless: false,
});

function codeOf(failure: EvalFailure): Denial {
  switch (failure.reason) {
    case "unknown_entrypoint":
      return DENIALS.undefined;
    case "limit":
      return DENIALS.limit;
    case "error":
      return failure.code === "eval_conflict_error" ? DENIALS.conflict : DENIALS.builtin;
  }
}

function detailOf(failure: EvalFailure): string {
  switch (failure.reason) {
    case "unknown_entrypoint":
      return failure.entrypoint;
    case "limit":
      return failure.limit;
    case "error":
      return failure.detail;
  }
}
