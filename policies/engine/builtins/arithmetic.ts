import { LIMITS } from "../../../shared/contracts/limits.ts";
import {
  addFloats,
  type BigFloat,
  divideFloats,
  floatText,
  isInteger,
  multiplyFloats,
  parseFloat64Bit,
  subtractFloats,
  truncateFloat,
} from "../big-float.ts";
import { builtinError, typeError } from "../failure.ts";
import { spend } from "../meter.ts";
import {
  bigintOf,
  isNumber,
  type NumberValue,
  numberOf,
  numberOfBigint,
  numberText,
  OSet,
  type Value,
} from "../value.ts";
import { bigint, builtin, type Family, number, wrongOperand } from "./operands.ts";

const floatOf = (value: NumberValue): BigFloat => parseFloat64Bit(numberText(value));
const ofFloat = (value: BigFloat): NumberValue => numberOf(floatText(value));

type Binary = (x: NumberValue, y: NumberValue) => NumberValue;

/** Exact on integers of any length, else in 64-bit floating point: OPA's own rule. */
function binary(
  small: (x: number, y: number) => number,
  exact: (x: bigint, y: bigint) => bigint,
  float: (x: BigFloat, y: BigFloat) => BigFloat,
): Binary {
  return (x, y) => {
    if (typeof x === "number" && typeof y === "number" && Number.isSafeInteger(x) && Number.isSafeInteger(y)) {
      const result = small(x, y);
      if (Number.isSafeInteger(result)) return result + 0;
    }
    spend(4);
    const [left, right] = [bigintOf(x), bigintOf(y)];
    if (left !== undefined && right !== undefined) {
      const result = exact(left, right);
      spend(numberText(numberOfBigint(result)).length >> 4);
      return numberOfBigint(result);
    }
    return ofFloat(float(floatOf(x), floatOf(y)));
  };
}

const plus = binary(
  (x, y) => x + y,
  (x, y) => x + y,
  addFloats,
);
const minus = binary(
  (x, y) => x - y,
  (x, y) => x - y,
  subtractFloats,
);
const multiply = binary(
  (x, y) => x * y,
  (x, y) => x * y,
  multiplyFloats,
);

export { multiply, plus };

function divide(x: NumberValue, y: NumberValue): NumberValue {
  if (
    typeof x === "number" &&
    typeof y === "number" &&
    Number.isSafeInteger(x) &&
    Number.isSafeInteger(y) &&
    y !== 0 &&
    x % y === 0
  ) {
    return x / y + 0;
  }
  spend(4);
  const divisor = floatOf(y);
  if (divisor.mantissa === 0n) throw builtinError("divide by zero");
  return ofFloat(divideFloats(floatOf(x), divisor));
}

function remainder(x: NumberValue, y: NumberValue): NumberValue {
  const [left, right] = [bigintOf(x), bigintOf(y)];
  if (left === undefined || right === undefined) throw builtinError("modulo on floating-point number");
  if (right === 0n) throw builtinError("modulo by zero");
  return numberOfBigint(left % right);
}

const HALF: BigFloat = { mantissa: 1n, exponent: -1 };

/** Integers stay; others go through OPA's float, whose integers print in full. */
function unary(value: NumberValue, float: (x: BigFloat) => BigFloat): NumberValue {
  return typeof value === "number" && Number.isInteger(value) && Math.abs(value) < 2 ** 31
    ? value
    : ofFloat(float(floatOf(value)));
}

const whole = (mantissa: bigint): BigFloat => ({ mantissa, exponent: 0 });
const negative = (value: BigFloat): boolean => value.mantissa < 0n;

const absolute = (value: NumberValue): NumberValue =>
  unary(typeof value === "number" && Number.isInteger(value) ? Math.abs(value) : value, (x) =>
    negative(x) ? { mantissa: -x.mantissa, exponent: x.exponent } : x,
  );
const round = (value: NumberValue): NumberValue =>
  unary(value, (x) => whole(truncateFloat(negative(x) ? subtractFloats(x, HALF) : addFloats(x, HALF))));
const ceil = (value: NumberValue): NumberValue =>
  unary(value, (x) => {
    const truncated = truncateFloat(x);
    return whole(isInteger(x) || truncated < 0n || (truncated === 0n && false) ? truncated : truncated + 1n);
  });
const floor = (value: NumberValue): NumberValue =>
  unary(value, (x) => {
    const truncated = truncateFloat(x);
    return whole(isInteger(x) || truncated >= 0n ? truncated : truncated - 1n);
  });

const operation = (run: Binary) => builtin(2, (args) => run(number(args, 0), number(args, 1)));
const bits = (run: (x: bigint, y: bigint) => bigint) =>
  builtin(2, (args) => numberOfBigint(run(bigint(args, 0), bigint(args, 1))));

function shift(args: readonly Value[], left: boolean): NumberValue {
  const [value, count] = [bigint(args, 0), bigint(args, 1)];
  if (count < 0n) throw typeError("operand 2 must be an unsigned integer number but got a negative integer");
  if (left && value !== 0n && count > BigInt(LIMITS.policyNumberBitsMax)) throw builtinError("shift is too large");
  if (!left && count > BigInt(2 * LIMITS.policyNumberBitsMax)) return value < 0n ? -1 : 0;
  return numberOfBigint(left ? value << count : value >> count);
}

function minusOrDifference(args: readonly Value[]): Value {
  const [x, y] = args;
  if (x !== undefined && y !== undefined && isNumber(x) && isNumber(y)) return minus(x, y);
  if (x instanceof OSet && y instanceof OSet) {
    spend(x.size);
    return OSet.of(x.sorted().filter((member) => !y.has(member)));
  }
  if (x === undefined || !(isNumber(x) || x instanceof OSet)) throw wrongOperand(0, x, "number", "set");
  throw wrongOperand(1, y, isNumber(x) ? "number" : "set");
}

export const ARITHMETIC: Family = {
  plus: operation(plus),
  minus: builtin(2, minusOrDifference),
  mul: operation(multiply),
  div: operation(divide),
  rem: operation(remainder),
  abs: builtin(1, (args) => absolute(number(args, 0))),
  round: builtin(1, (args) => round(number(args, 0))),
  ceil: builtin(1, (args) => ceil(number(args, 0))),
  floor: builtin(1, (args) => floor(number(args, 0))),
  "bits.and": bits((x, y) => x & y),
  "bits.or": bits((x, y) => x | y),
  "bits.xor": bits((x, y) => x ^ y),
  "bits.negate": builtin(1, (args) => numberOfBigint(~bigint(args, 0))),
  "bits.lsh": builtin(2, (args) => shift(args, true)),
  "bits.rsh": builtin(2, (args) => shift(args, false)),
};
