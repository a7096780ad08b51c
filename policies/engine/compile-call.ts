import { BUILTINS } from "./builtins/table.ts";
import { BuiltinFailure } from "./failure.ts";
import { type Frame, GO_ON, isReturn, type Routine, type Step, UNDEFINED } from "./frame.ts";
import type { Statement } from "./ir.ts";
import { type Builtin, type Machine, NO_ANSWER } from "./machine.ts";
import { LimitExceeded, spend, spendText } from "./meter.ts";
import { Refused } from "./read-plan.ts";
import { OObject, OSet, type Value } from "./value.ts";

type CallStatement = Extract<Statement, { type: "CallStmt" }>;
type DynamicCallStatement = Extract<Statement, { type: "CallDynamicStmt" }>;

/** A call of a function of the plan or, where the plan has none of that name, of a builtin. */
export function compileCall(statement: CallStatement, frame: Frame): Step {
  const args = statement.args.map((arg) => frame.operand(arg));
  const result = frame.slot(statement.result);
  const routine = frame.scope.routines.get(statement.func);
  if (routine !== undefined) {
    return (locals, machine) => {
      const value = callRoutine(routine, locals, args, machine);
      locals[result] = value;
      return value === undefined ? UNDEFINED : GO_ON;
    };
  }
  const builtin = BUILTINS.get(statement.func);
  if (builtin === undefined)
    throw new Refused({ reason: "unknown_function", where: frame.where, func: statement.func });
  if (args.length < builtin.arity || args.length > builtin.arity + 1) {
    throw new Refused({
      reason: "malformed",
      where: frame.where,
      detail: `wrong number of arguments for ${statement.func}`,
    });
  }
  return (locals, machine) => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = locals[arg];
      if (value === undefined) return UNDEFINED;
      values.push(value);
    }
    const value = callBuiltin(statement.func, builtin.run, values, machine);
    locals[result] = value;
    return value === undefined ? UNDEFINED : GO_ON;
  };
}

/** A call of the function that lies at a path known only while running; undefined where there is none. */
export function compileDynamicCall(statement: DynamicCallStatement, frame: Frame): Step {
  const args = statement.args.map((arg) => frame.slot(arg));
  const path = statement.path.map((part) => frame.operand(part));
  const result = frame.slot(statement.result);
  const { paths } = frame.scope;
  return (locals, machine) => {
    const routine = paths.get(JSON.stringify(path.map((part) => locals[part] ?? null)));
    const value = routine === undefined ? undefined : callRoutine(routine, locals, args, machine);
    locals[result] = value;
    return value === undefined ? UNDEFINED : GO_ON;
  };
}

function callRoutine(
  routine: Routine,
  caller: readonly (Value | undefined)[],
  args: readonly number[],
  machine: Machine,
) {
  if (routine.memoised) {
    const known = machine.memo[routine.index];
    if (known !== undefined) return known === NO_ANSWER ? undefined : known;
  }
  if (++machine.depth > machine.depthMax) throw new LimitExceeded("depth");
  const locals = routine.template.slice();
  const { params } = routine;
  for (let at = 0; at < params.length; at++) locals[params[at] ?? 0] = caller[args[at] ?? 0];
  const result = isReturn(routine.blocks(locals, machine)) ? machine.returned : undefined;
  machine.depth--;
  if (routine.memoised) machine.memo[routine.index] = result === undefined ? NO_ANSWER : result;
  if (machine.trace !== undefined && result !== undefined) machine.trace(routine.path);
  return result;
}

/** A builtin's answer, its size paid for. A failure, told with its name, ends a strict evaluation and is undefined in another. */
function callBuiltin(name: string, run: Builtin, args: readonly Value[], machine: Machine): Value | undefined {
  let result: Value | undefined;
  try {
    result = run(args, machine);
  } catch (error) {
    if (!(error instanceof BuiltinFailure)) throw error;
    const named = new BuiltinFailure(error.code, `${name}: ${error.message}`);
    if (machine.strict) throw named;
    machine.failure ??= named;
    return undefined;
  }
  if (typeof result === "string") spendText(result.length);
  else if (Array.isArray(result)) spend(result.length);
  else if (result instanceof OSet || result instanceof OObject) spend(result.size);
  return result;
}
