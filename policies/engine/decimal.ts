import { builtinError } from "./failure.ts";

/** `coefficient × 10^exponent`, exact; the coefficient has no trailing zero, zero has exponent 0. */
export interface Decimal {
  coefficient: bigint;
  exponent: number;
}

/** OPA refuses exponents of about 2^17 bits, which is 39,456 digits. */
export const EXPONENT_MAX = 39_000;

const NUMBER_TEXT = /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/;

/** The decimal that a number's text denotes; undefined when the text is not a decimal number. */
export function parseDecimal(text: string): Decimal | undefined {
  const match = NUMBER_TEXT.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", exponentText = "0"] = match;
  const exponent = Number(exponentText) - fraction.length;
  if (!Number.isSafeInteger(exponent)) return undefined;
  const digits = (whole + fraction).replace(/0+$/, "");
  const dropped = whole.length + fraction.length - digits.length;
  if (/^0*$/.test(digits)) return { coefficient: 0n, exponent: 0 };
  const magnitude = BigInt(digits);
  return { coefficient: sign === "-" ? -magnitude : magnitude, exponent: exponent + dropped };
}

export const pow10 = (exponent: number): bigint => {
  if (exponent > EXPONENT_MAX) throw builtinError("number exponent is too large");
  return 10n ** BigInt(exponent);
};

const digitCount = (value: bigint): number => (value < 0n ? -value : value).toString().length;
const signOf = (value: bigint): number => (value > 0n ? 1 : value < 0n ? -1 : 0);

/** Exact order of two decimals, without writing out exponents. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  const sign = signOf(a.coefficient);
  const other = signOf(b.coefficient);
  if (sign !== other || sign === 0) return sign < other ? -1 : sign > other ? 1 : 0;
  const magnitude = digitCount(a.coefficient) + a.exponent;
  const otherMagnitude = digitCount(b.coefficient) + b.exponent;
  if (magnitude !== otherMagnitude) return magnitude < otherMagnitude ? -sign : sign;
  // Same magnitude: the exponents differ by less than the longer coefficient.
  const shared = Math.min(a.exponent, b.exponent);
  const left = a.coefficient * 10n ** BigInt(a.exponent - shared);
  const right = b.coefficient * 10n ** BigInt(b.exponent - shared);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The integer a decimal denotes, or undefined when it has a fraction. */
export function decimalToBigint(value: Decimal): bigint | undefined {
  if (value.exponent < 0) return undefined;
  return value.coefficient * pow10(value.exponent);
}
