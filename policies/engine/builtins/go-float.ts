interface FloatFormat {
  plus: boolean;
  sharp: boolean;
  space: boolean;
  precision: number | undefined;
}

const SHORTEST_EXPONENT_FROM = 21;
const twoDigits = (exponent: number): string =>
  `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;

/** A finite double under one of Go's verbs `e E f F g G v`; `b x X` as hexadecimal are written like `g`. */
export function formatFloat(value: number, verb: string, { plus, space, sharp, precision }: FloatFormat): string {
  const negative = value < 0 || Object.is(value, -0);
  const magnitude = Math.abs(value);
  const sign = negative ? "-" : plus ? "+" : space ? " " : "";
  switch (verb) {
    case "e":
    case "E": {
      const text = exponentForm(magnitude, precision ?? 6);
      return sign + (verb === "E" ? text.toUpperCase() : text);
    }
    case "f":
    case "F":
      return sign + fixed(magnitude, precision ?? 6);
    default: {
      const text = general(magnitude, precision, SHORTEST_EXPONENT_FROM, sharp);
      return sign + (verb === "G" ? text.toUpperCase() : text);
    }
  }
}

const exponentForm = (value: number, digits: number): string => {
  const [mantissa = "0", exponent = "0"] = exactExponential(value, digits).split("e");
  return `${mantissa}e${twoDigits(Number(exponent))}`;
};

/** JavaScript rounds to at most 100 digits; what a double has beyond them is written from its exact value. */
const exactExponential = (value: number, digits: number): string => {
  if (digits <= 100) return value.toExponential(digits);
  const [mantissa = "0", exponent = "0"] = value.toExponential(100).split("e");
  return `${mantissa}${"0".repeat(digits - 100)}e${exponent}`;
};

function fixed(value: number, digits: number): string {
  if (value < 1e21 && digits <= 100) return value.toFixed(digits);
  const fraction = digits === 0 ? "" : `.${"0".repeat(digits)}`;
  if (value >= 1e21) return BigInt(value).toString() + fraction;
  return value.toFixed(100) + "0".repeat(digits - 100);
}

/** The shorter of both forms: exponents below -4 and from the precision on, for shortest output from 21. */
function general(value: number, precision: number | undefined, shortestFrom: number, keepZeros: boolean): string {
  const digits = precision === undefined ? undefined : Math.max(precision, 1);
  const [mantissa = "0", exponentText = "0"] = (
    digits === undefined ? value.toExponential() : value.toExponential(Math.min(digits, 100) - 1)
  ).split("e");
  const exponent = Number(exponentText);
  const all = mantissa.replace(".", "");
  const significant = keepZeros ? all : all.replace(/0+$/, "") || "0";
  const limit =
    digits === undefined
      ? shortestFrom
      : significant.length > digits && digits >= exponent + 1
        ? significant.length
        : digits;
  if (exponent < -4 || exponent >= limit) {
    const rest = significant.slice(1);
    return `${significant.charAt(0)}${rest === "" ? "" : `.${rest}`}e${twoDigits(exponent)}`;
  }
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${significant}`;
  const whole = significant.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = significant.slice(exponent + 1);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
