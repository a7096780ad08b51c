import { multiplyFloats, parseFloat64Bit, truncateFloat } from "../big-float.ts";
import { type Decimal, parseDecimal, pow10 } from "../decimal.ts";
import { builtinError } from "../failure.ts";
import { type NumberValue, numberOf, numberOfBigint, type Value } from "../value.ts";
import { builtin, type Family, string } from "./operands.ts";

const LETTERS: readonly string[] = ["k", "m", "g", "t", "p", "e"];
const EXPONENT_DIGITS_MAX = 6;
const FRACTION_DIGITS = 10;

/** Splits an amount, which may be in scientific notation, from its unit. */
function amountAndUnit(text: string): [string, string] {
  if (text.includes(" ")) throw builtinError("spaces not allowed in resource strings");
  const amount = /^(?:[0-9.+-]|[eE][+-]?(?=\d)|[eE][+-])*/.exec(text)?.[0] ?? "";
  if ([...amount.matchAll(/[eE][+-]?(\d*)/g)].some(([, digits = ""]) => digits.length > EXPONENT_DIGITS_MAX)) {
    throw builtinError("exponent too large");
  }
  if (amount === "") throw builtinError("no amount provided");
  return [amount, text.slice(amount.length)];
}

/** Go reads `.5` and `5.` as numbers too. */
function amountOf(text: string): Decimal {
  const full = text.replace(/^([+-]?)\./, "$10.");
  const decimal = parseDecimal(full);
  if (decimal === undefined) throw builtinError("could not parse amount to a number");
  return decimal;
}

const scale = (letter: string, binary: boolean): bigint | undefined => {
  const power = LETTERS.indexOf(letter) + 1;
  if (power === 0) return undefined;
  return binary ? 1024n ** BigInt(power) : 1000n ** BigInt(power);
};

/** `m` is a thousandth and `M` a million; the other letters mean the same in both cases. */
function factor(unit: string): { numerator: bigint; thousandth: boolean } {
  if (unit === "") return { numerator: 1n, thousandth: false };
  if (unit === "m") return { numerator: 1n, thousandth: true };
  const folded = unit.toLowerCase();
  const found =
    folded.length === 1
      ? scale(folded, false)
      : folded.length === 2 && folded.endsWith("i")
        ? scale(folded.charAt(0), true)
        : undefined;
  if (found === undefined) throw builtinError(`unit ${unit} not recognized`);
  return { numerator: found, thousandth: false };
}

/** A double that is not a thousandth exactly: OPA multiplies by the double 0.001. */
const THOUSANDTH = { numerator: 1152921504606847n, exponent: 60 };

function parseUnits([text]: readonly Value[]): NumberValue {
  const [amountText, unit] = amountAndUnit(string([text ?? null], 0).replaceAll('"', ""));
  const { numerator, thousandth } = factor(unit);
  const amount = amountOf(amountText);
  let top = amount.coefficient * numerator * (amount.exponent > 0 ? pow10(amount.exponent) : 1n);
  let bottom = amount.exponent < 0 ? pow10(-amount.exponent) : 1n;
  if (thousandth) {
    top *= THOUSANDTH.numerator;
    bottom <<= BigInt(THOUSANDTH.exponent);
  }
  if (top % bottom === 0n) return numberOfBigint(top / bottom);
  return numberOf(fixedText(top, bottom));
}

/** Ten digits after the point, halves away from zero. */
function fixedText(top: bigint, bottom: bigint): string {
  const negative = top < 0n;
  const scaled = (negative ? -top : top) * 10n ** BigInt(FRACTION_DIGITS);
  const rounded = scaled / bottom + ((scaled % bottom) * 2n >= bottom ? 1n : 0n);
  const digits = rounded.toString().padStart(FRACTION_DIGITS + 1, "0");
  return `${negative ? "-" : ""}${digits.slice(0, -FRACTION_DIGITS)}.${digits.slice(-FRACTION_DIGITS)}`;
}

function parseBytes([text]: readonly Value[]): NumberValue {
  const [amountText, unit] = amountAndUnit(
    string([text ?? null], 0)
      .toLowerCase()
      .replaceAll('"', ""),
  );
  const [, letter, binary] = /^([kmgtpe])(i?)b?$/.exec(unit) ?? [];
  const factor = unit === "" ? 1n : letter === undefined ? undefined : scale(letter, binary === "i");
  if (factor === undefined) throw builtinError(`byte unit ${unit} not recognized`);
  amountOf(amountText);
  const amount = parseFloat64Bit(amountText.replace(/^([+-]?)\./, "$10."));
  return numberOfBigint(truncateFloat(multiplyFloats(amount, { mantissa: factor, exponent: 0 })));
}

export const UNITS: Family = {
  "units.parse": builtin(1, parseUnits),
  "units.parse_bytes": builtin(1, parseBytes),
};
