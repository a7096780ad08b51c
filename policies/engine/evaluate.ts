import { LIMITS } from "../../shared/contracts/limits.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { BUILTINS } from "./builtins/table.ts";
import { compilePolicy } from "./compile.ts";
import { BuiltinFailure, ConflictFailure, type EvalErrorCode } from "./failure.ts";
import { Machine, type Trace, type World } from "./machine.ts";
import { LimitExceeded, meter, metered } from "./meter.ts";
import { type PlanRefusal, Refused, readPlan } from "./read-plan.ts";
import { OObject, type Value } from "./value.ts";

export type { PlanRefusal } from "./read-plan.ts";

/** A checked and compiled plan; immutable, shared by evaluations. */
export interface Plan {
  readonly entrypoints: ReadonlyMap<string, (machine: Machine, input: Value | undefined, data: Value) => void>;
  /** Where its rules and functions lie, below `data`. */
  readonly rules: readonly (readonly string[])[];
}

/** Why an evaluation gave no answer. None of these is ever an allowance. */
export type EvalFailure =
  | { reason: "unknown_entrypoint"; entrypoint: string }
  | { reason: "error"; code: EvalErrorCode; detail: string }
  | { reason: "limit"; limit: string };

/** Bounds of one evaluation; `EVALUATION_LIMITS` unless narrowed. */
export interface EvaluationLimits {
  steps: number;
  textCharsMax: number;
  depthMax: number;
  resultsMax: number;
}

export const EVALUATION_LIMITS: EvaluationLimits = {
  steps: LIMITS.policyStepsMax,
  textCharsMax: LIMITS.policyTextCharsMax,
  depthMax: LIMITS.policyDepthMax,
  resultsMax: LIMITS.policyResultsMax,
};

export interface Question extends World {
  /** Absent: `input` is undefined. */
  input?: Value | undefined;
  data: Value;
  /** True: a failing builtin ends the evaluation. False: it is undefined, as in OPA by default. */
  strict?: boolean;
  limits?: Partial<EvaluationLimits>;
  /** For explanations. Absent: nothing is told, and nothing is paid for it. */
  trace?: Trace;
}

/** An answer; `spent_steps` is what it cost. */
export interface Answer<T> {
  value: T;
  spent_steps: number;
  /** True: nothing asked for the time, randomness or the runtime, so the same input and data always have this answer. */
  timeless: boolean;
  /** The first builtin failure that was taken as undefined. */
  failure: { code: EvalErrorCode; detail: string } | undefined;
}

/** Checks a parsed plan against the IR schema and compiles it. Refuses statements, builtins and functions that do not exist. */
export function loadPlan(json: unknown): Result<Plan, PlanRefusal> {
  const policy = readPlan(json, {
    statementsMax: LIMITS.policyPlanStatementsMax,
    nestingMax: LIMITS.policyPlanNestingMax,
  });
  if (!policy.ok) return policy;
  const unknown = policy.value.builtins.find((name) => !BUILTINS.has(name));
  if (unknown !== undefined) return err({ reason: "unknown_builtin", builtin: unknown });
  try {
    const rules = policy.value.funcs.flatMap(({ path }) => (path === undefined ? [] : [path.slice(1)]));
    return ok({ entrypoints: compilePolicy(policy.value), rules });
  } catch (error) {
    if (error instanceof Refused) return err(error.refusal);
    throw error;
  }
}

/** The plan's whole result set: for a query, one object of bindings per answer. Deterministic: equal questions have equal answers. */
export function evaluateAll(plan: Plan, entrypoint: string, question: Question): Result<Answer<Value[]>, EvalFailure> {
  const run = plan.entrypoints.get(entrypoint);
  if (run === undefined) return err({ reason: "unknown_entrypoint", entrypoint });
  const limits = question.limits === undefined ? EVALUATION_LIMITS : { ...EVALUATION_LIMITS, ...question.limits };
  const machine = new Machine(question, question.strict ?? false, limits, question.trace);
  try {
    const left = metered(limits, () => {
      run(machine, question.input, question.data);
      return meter.steps;
    });
    const { failure } = machine;
    return ok({
      value: machine.results,
      spent_steps: limits.steps - left,
      timeless: !machine.askedWorld,
      failure: failure && { code: failure.code, detail: failure.message },
    });
  } catch (error) {
    return err(failureOf(error));
  }
}

function failureOf(error: unknown): EvalFailure {
  if (error instanceof LimitExceeded) return { reason: "limit", limit: error.limit };
  if (error instanceof BuiltinFailure) return { reason: "error", code: error.code, detail: error.message };
  if (error instanceof ConflictFailure) return { reason: "error", code: "eval_conflict_error", detail: error.message };
  // The runtime's own stack is smaller than the depth allowed: the same refusal, found later.
  if (error instanceof RangeError) return { reason: "limit", limit: "stack" };
  throw error;
}

/** The value at an entry point of a bundle (`opa build -e`); `value` is undefined where the policy has no answer. */
export function evaluate(
  plan: Plan,
  entrypoint: string,
  question: Question,
): Result<Answer<Value | undefined>, EvalFailure> {
  const answers = evaluateAll(plan, entrypoint, question);
  if (!answers.ok) return answers;
  const [first] = answers.value.value;
  return ok({ ...answers.value, value: first instanceof OObject ? first.get("result") : undefined });
}
