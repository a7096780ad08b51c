interface FloatFormat {
  plus: boolean;
  sharp: boolean;
  space: boolean;
  precision: number | undefined;
}

/** Shortest output turns to an exponent from here on. */
const SHORTEST_EXPONENT_FROM = 6;
const MANTISSA_BITS = 52;

const twoDigits = (exponent: number): string =>
  `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;

/** A finite double under one of Go's verbs `e E f F g G v b x X`. */
export function formatFloat(value: number, verb: string, { plus, space, sharp, precision }: FloatFormat): string {
  const negative = value < 0 || Object.is(value, -0);
  const magnitude = Math.abs(value);
  const sign = negative ? "-" : plus ? "+" : space ? " " : "";
  const text = unsigned(magnitude, verb.toLowerCase(), precision, sharp);
  return sign + (verb !== verb.toLowerCase() && verb !== "F" ? text.toUpperCase() : text);
}

function unsigned(value: number, verb: string, precision: number | undefined, sharp: boolean): string {
  switch (verb) {
    case "e":
      return exponential(value, precision ?? 6);
    case "f":
      return fixed(value, precision ?? 6);
    case "b": {
      const { mantissa, exponent } = parts(value);
      return `${mantissa}p${exponent < 0 ? "" : "+"}${exponent}`;
    }
    case "x":
      return hexadecimal(value, precision);
    default:
      return general(value, precision, sharp);
  }
}

/** The double as `mantissa × 2^exponent`, exactly. */
function parts(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number(bits >> 52n);
  const fraction = bits & ((1n << 52n) - 1n);
  return biased === 0
    ? { mantissa: fraction, exponent: -1074 }
    : { mantissa: fraction | (1n << 52n), exponent: biased - 1075 };
}

/** `top / bottom` to the nearest integer, halves to the even one. */
function nearest(top: bigint, bottom: bigint): bigint {
  const quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  return twice > bottom || (twice === bottom && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

/** `value × 10^power` to the nearest integer. JavaScript's own `toFixed` rounds halves up, Go's to even. */
function scaled(value: number, power: number): bigint {
  const { mantissa, exponent } = parts(value);
  let [top, bottom] = [mantissa, 1n];
  if (exponent >= 0) top <<= BigInt(exponent);
  else bottom <<= BigInt(-exponent);
  if (power >= 0) top *= 10n ** BigInt(power);
  else bottom *= 10n ** BigInt(-power);
  return nearest(top, bottom);
}

function fixed(value: number, digits: number): string {
  const text = scaled(value, digits)
    .toString()
    .padStart(digits + 1, "0");
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** `digits + 1` significant digits and the decimal exponent of the first. */
function significant(value: number, digits: number): { text: string; exponent: number } {
  if (value === 0) return { text: "0".repeat(digits + 1), exponent: 0 };
  const exponent = Number(value.toExponential().split("e")[1]);
  const text = scaled(value, digits - exponent).toString();
  // Rounding may carry into a further digit.
  return text.length > digits + 1 ? { text: text.slice(0, -1), exponent: exponent + 1 } : { text, exponent };
}

function exponential(value: number, digits: number): string {
  const { text, exponent } = significant(value, digits);
  return `${text.charAt(0)}${digits > 0 ? "." : ""}${text.slice(1)}e${twoDigits(exponent)}`;
}

function hexadecimal(value: number, precision: number | undefined): string {
  let { mantissa, exponent } = parts(value);
  if (mantissa === 0n) return `0x0${precision === undefined || precision === 0 ? "" : `.${"0".repeat(precision)}`}p+00`;
  while (mantissa >> BigInt(MANTISSA_BITS) === 0n) {
    mantissa <<= 1n;
    exponent--;
  }
  let power = exponent + MANTISSA_BITS;
  if (precision !== undefined && precision < MANTISSA_BITS / 4) {
    const dropped = BigInt(MANTISSA_BITS - 4 * precision);
    mantissa = nearest(mantissa, 1n << dropped) << dropped;
    if (mantissa >> BigInt(MANTISSA_BITS + 1) !== 0n) {
      mantissa >>= 1n;
      power++;
    }
  }
  const fraction = (mantissa & ((1n << 52n) - 1n)).toString(16).padStart(MANTISSA_BITS / 4, "0");
  const shown =
    precision === undefined ? fraction.replace(/0+$/, "") : fraction.slice(0, precision).padEnd(precision, "0");
  return `0x1${shown === "" ? "" : "."}${shown}p${twoDigits(power)}`;
}

/** The shorter of both forms: an exponent below -4, from the precision on, and in shortest output from 6. */
function general(value: number, precision: number | undefined, keepZeros: boolean): string {
  const digits = precision === undefined ? undefined : Math.max(precision, 1);
  const { text, exponent } = digits === undefined ? shortest(value) : significant(value, digits - 1);
  const kept = keepZeros ? text : text.replace(/0+$/, "") || "0";
  const limit =
    digits === undefined
      ? SHORTEST_EXPONENT_FROM
      : digits > kept.length && kept.length >= exponent + 1
        ? kept.length
        : digits;
  if (exponent < -4 || exponent >= limit) {
    return `${kept.charAt(0)}${kept.length > 1 ? "." : ""}${kept.slice(1)}e${twoDigits(exponent)}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${kept}`;
  const whole = kept.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = kept.slice(exponent + 1);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

function shortest(value: number): { text: string; exponent: number } {
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  return { text: mantissa.replace(".", ""), exponent: Number(exponent) };
}
