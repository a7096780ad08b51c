import { builtinError } from "../failure.ts";
import type { Machine } from "../machine.ts";
import { spend } from "../meter.ts";
import { isNumber, type NumberValue, numberOf, numberOfBigint, type Value } from "../value.ts";
import { any, bigint, builtin, type Family, integer, string, wrongOperand } from "./operands.ts";

function range(args: readonly Value[], step: bigint): Value[] {
  const [from, to] = [bigint(args, 0), bigint(args, 1)];
  if (step <= 0n) throw builtinError("step must be a positive integer");
  const up = from <= to;
  const numbers: Value[] = [];
  for (let at = from; up ? at <= to : at >= to; at += up ? step : -step) {
    spend(1);
    numbers.push(numberOfBigint(at));
  }
  return numbers;
}

const FLOAT_TEXT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

function toNumber(args: readonly Value[]): NumberValue {
  const value = any(args, 0);
  if (value === null || value === false) return 0;
  if (value === true) return 1;
  if (isNumber(value)) return value;
  if (typeof value !== "string") throw wrongOperand(0, value, "null", "boolean", "number", "string");
  if (/^[+-]*(?:inf|infinity|nan)$/i.test(value)) throw wrongOperand(0, value, "valid number string");
  if (!FLOAT_TEXT.test(value)) throw builtinError("invalid syntax");
  if (!JSON_NUMBER.test(value)) return numberOf(normal(value));
  return numberOf(value);
}

/** Go reads more spellings than JSON has: a plus sign, leading zeros, a bare point. */
function normal(text: string): string {
  const [mantissa = "", exponent] = text.toLowerCase().split("e");
  const negative = mantissa.startsWith("-");
  const [whole = "", fraction = ""] = mantissa.replace(/^[+-]/, "").split(".");
  const digits = whole.replace(/^0+(?=\d)/, "") || "0";
  return `${negative ? "-" : ""}${digits}${fraction === "" ? "" : `.${fraction}`}${exponent === undefined ? "" : `e${exponent}`}`;
}

/** A uniform integer below `bound` from injected bytes: values beyond the last whole multiple are drawn again. */
function uniform(bound: bigint, random: (bytes: Uint8Array<ArrayBuffer>) => void): bigint {
  const limit = (2n ** 64n / bound) * bound;
  for (;;) {
    spend(1);
    const bytes = new Uint8Array(8);
    random(bytes);
    const drawn = new DataView(bytes.buffer).getBigUint64(0);
    if (drawn < limit) return drawn % bound;
  }
}

function randIntn(args: readonly Value[], machine: Machine): Value {
  const [name, size] = [string(args, 0), Math.abs(integer(args, 1))];
  if (size === 0) return 0;
  const key = `rand.intn ${size} ${name}`;
  const known = machine.kept.get(key);
  if (known !== undefined) return known;
  const { random } = machine.world;
  if (random === undefined) throw builtinError("no randomness was given to this evaluation");
  const drawn = Number(uniform(BigInt(size), random));
  machine.kept.set(key, drawn);
  return drawn;
}

export const NUMBERS: Family = {
  "numbers.range": builtin(2, (args) => range(args, 1n)),
  "numbers.range_step": builtin(3, (args) => range(args, bigint(args, 2))),
  to_number: builtin(1, toNumber),
  "rand.intn": builtin(2, randIntn),
};
