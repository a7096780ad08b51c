import { EXPONENT_MAX, parseDecimal, pow10 } from "./decimal.ts";
import { builtinError } from "./failure.ts";

/**
 * Binary floating point with a 64-bit mantissa, rounded half to even: what OPA computes non-integers in.
 * The value is `mantissa × 2^exponent`; zero has exponent 0.
 */
export interface BigFloat {
  mantissa: bigint;
  exponent: number;
}

const PRECISION = 64;
const EXPONENT_FORM_FROM = 6;

const bitLength = (value: bigint): number => {
  const hex = value.toString(16);
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex.charAt(0), 16)) - 28);
};

/** Rounds `numerator × 2^exponent`, of which `sticky` says that more non-zero bits follow, to the precision. */
function rounded(value: bigint, exponent: number, sticky: boolean): BigFloat {
  if (value === 0n) return { mantissa: 0n, exponent: 0 };
  const negative = value < 0n;
  let magnitude = negative ? -value : value;
  let scale = exponent;
  const excess = bitLength(magnitude) - PRECISION;
  if (excess > 0) {
    const dropped = magnitude & ((1n << BigInt(excess)) - 1n);
    const half = 1n << BigInt(excess - 1);
    magnitude >>= BigInt(excess);
    scale += excess;
    if (dropped > half || (dropped === half && (sticky || (magnitude & 1n) === 1n))) magnitude += 1n;
  }
  return { mantissa: negative ? -magnitude : magnitude, exponent: scale };
}

function quotient(numerator: bigint, denominator: bigint, exponent: number): BigFloat {
  const negative = numerator < 0n !== denominator < 0n;
  const top = numerator < 0n ? -numerator : numerator;
  const bottom = denominator < 0n ? -denominator : denominator;
  if (top === 0n) return { mantissa: 0n, exponent: 0 };
  // Two guard bits at least, so that the remainder only ever breaks a tie.
  const shift = Math.max(0, PRECISION + 2 - bitLength(top) + bitLength(bottom));
  const shifted = top << BigInt(shift);
  const value = shifted / bottom;
  const sticky = shifted % bottom !== 0n;
  return rounded(negative ? -value : value, exponent - shift, sticky);
}

/** The nearest float to a decimal text. */
export function parseFloat64Bit(text: string): BigFloat {
  const decimal = parseDecimal(text);
  if (decimal === undefined) throw builtinError("illegal number");
  const { coefficient, exponent } = decimal;
  if (exponent >= 0) return rounded(coefficient * pow10(exponent), 0, false);
  return quotient(coefficient, pow10(-exponent), 0);
}

const aligned = (a: BigFloat, b: BigFloat): [bigint, bigint, number] => {
  const exponent = Math.min(a.exponent, b.exponent);
  if (Math.max(a.exponent, b.exponent) - exponent > 4 * EXPONENT_MAX)
    throw builtinError("number exponent is too large");
  return [a.mantissa << BigInt(a.exponent - exponent), b.mantissa << BigInt(b.exponent - exponent), exponent];
};

export function addFloats(a: BigFloat, b: BigFloat): BigFloat {
  const [left, right, exponent] = aligned(a, b);
  return rounded(left + right, exponent, false);
}

export function subtractFloats(a: BigFloat, b: BigFloat): BigFloat {
  const [left, right, exponent] = aligned(a, b);
  return rounded(left - right, exponent, false);
}

export const multiplyFloats = (a: BigFloat, b: BigFloat): BigFloat =>
  rounded(a.mantissa * b.mantissa, a.exponent + b.exponent, false);

/** The divisor is not zero. */
export const divideFloats = (a: BigFloat, b: BigFloat): BigFloat =>
  quotient(a.mantissa, b.mantissa, a.exponent - b.exponent);

/** The integer part, towards zero. */
export function truncateFloat(value: BigFloat): bigint {
  if (value.exponent >= 0) return value.mantissa << BigInt(value.exponent);
  const magnitude = (value.mantissa < 0n ? -value.mantissa : value.mantissa) >> BigInt(-value.exponent);
  return value.mantissa < 0n ? -magnitude : magnitude;
}

export const isInteger = (value: BigFloat): boolean =>
  value.exponent >= 0 || (value.mantissa & ((1n << BigInt(-value.exponent)) - 1n)) === 0n;

/** Decimal digits `0.d1d2… × 10^point` of the shortest decimal that reads back as the same float. */
function shortestDigits(value: BigFloat): { digits: string; point: number } {
  const magnitude = value.mantissa < 0n ? -value.mantissa : value.mantissa;
  if (magnitude === 0n) return { digits: "", point: 0 };
  const shift = PRECISION + 1 - bitLength(magnitude);
  const mantissa = magnitude << BigInt(shift);
  const exponent = value.exponent - shift;
  const inclusive = (mantissa & 2n) === 0n;
  const scale = exponent >= 0 ? 1n << BigInt(exponent) : 5n ** BigInt(-exponent);
  const upper = ((mantissa + 1n) * scale).toString();
  const exact = (mantissa * scale).toString().padStart(upper.length, "0");
  const lower = ((mantissa - 1n) * scale).toString().padStart(upper.length, "0");
  const point = upper.length + Math.min(exponent, 0);
  const end = exact.replace(/0+$/, "").length;
  for (let at = 0; at < end; at++) {
    const digit = exact.charCodeAt(at);
    const low = lower.charCodeAt(at);
    const high = upper.charCodeAt(at);
    const lastLow = /^0*$/.test(lower.slice(at + 1));
    const lastHigh = /^0*$/.test(upper.slice(at + 1));
    const down = low !== digit || (inclusive && lastLow);
    const up = digit !== high && (inclusive || digit + 1 < high || !lastHigh);
    if (down || up) return trimmed(cut(exact, at + 1, down, up), upper.length, point);
  }
  return trimmed(exact, upper.length, point);
}

/** The first `count` digits, rounded in the one direction allowed, or to nearest-even where both are. */
function cut(exact: string, count: number, down: boolean, up: boolean): string {
  const head = exact.slice(0, count);
  const rest = exact.slice(count);
  const half = `5${"0".repeat(Math.max(0, rest.length - 1))}`;
  const odd = (head.charCodeAt(count - 1) & 1) === 1;
  const roundUp = up && (!down || (rest !== "" && (rest > half || (rest === half && odd))));
  return roundUp ? (BigInt(head) + 1n).toString().padStart(count, "0") : head;
}

function trimmed(digits: string, length: number, point: number): { digits: string; point: number } {
  const carried = digits.length > length ? digits.length - length : 0;
  const lead = digits.length - digits.replace(/^0+/, "").length;
  return { digits: digits.slice(lead).replace(/0+$/, ""), point: point - lead + carried };
}

const exponentText = (value: number): string => `${value < 0 ? "-" : "+"}${String(Math.abs(value)).padStart(2, "0")}`;

/** The number's text as OPA writes it: integers in full, others shortest, in exponent form below 1e-4 and from 1e6. */
export function floatText(value: BigFloat): string {
  const sign = value.mantissa < 0n ? "-" : "";
  const { digits, point } = shortestDigits(value);
  if (digits === "") return "0";
  if (isInteger(value)) return sign + digits.padEnd(point, "0");
  const leading = point - 1;
  if (leading < -4 || leading >= EXPONENT_FORM_FROM) {
    return `${sign}${digits.charAt(0)}${digits.length > 1 ? "." : ""}${digits.slice(1)}e${exponentText(leading)}`;
  }
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
