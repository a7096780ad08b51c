import { compareValues, equalValues, isNumber, OObject, OSet, typeName, type Value } from "../value.ts";
import { any, builtin, type Family, wrongOperand } from "./operands.ts";

const comparison = (holds: (order: number) => boolean) =>
  builtin(2, (args) => holds(compareValues(any(args, 0), any(args, 1))));
const equality = builtin(2, (args) => equalValues(any(args, 0), any(args, 1)));
/** True for values of the type, undefined for others, as OPA has it. */
const isType = (test: (value: Value) => boolean) => builtin(1, (args) => test(any(args, 0)));

/** The deprecated `cast_*`: the value itself, or a type error. */
const cast = (name: string, run: (value: Value) => Value | undefined) =>
  builtin(1, (args) => {
    const result = run(any(args, 0));
    if (result === undefined) throw wrongOperand(0, args[0], name);
    return result;
  });

export const COMPARISON: Family = {
  eq: equality,
  equal: equality,
  neq: builtin(2, (args) => !equalValues(any(args, 0), any(args, 1))),
  lt: comparison((order) => order < 0),
  lte: comparison((order) => order <= 0),
  gt: comparison((order) => order > 0),
  gte: comparison((order) => order >= 0),
  is_null: isType((value) => value === null),
  is_boolean: isType((value) => typeof value === "boolean"),
  is_number: isType(isNumber),
  is_string: isType((value) => typeof value === "string"),
  is_array: isType(Array.isArray),
  is_object: isType((value) => value instanceof OObject),
  is_set: isType((value) => value instanceof OSet),
  type_name: builtin(1, (args) => typeName(any(args, 0))),
  cast_null: cast("null", (value) => (value === null ? null : undefined)),
  cast_boolean: cast("boolean", (value) => (typeof value === "boolean" ? value : undefined)),
  cast_string: cast("string", (value) => (typeof value === "string" ? value : undefined)),
  cast_object: cast("object", (value) => (value instanceof OObject ? value : undefined)),
  cast_array: cast("array", (value) =>
    Array.isArray(value) ? value : value instanceof OSet ? [...value.sorted()] : undefined,
  ),
  cast_set: cast("set", (value) => (value instanceof OSet ? value : Array.isArray(value) ? OSet.of(value) : undefined)),
};
