/** Nanoseconds of each unit; days, weeks and years are OPA's own. */
const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
  y: 31_536_000_000_000_000n,
};
const INT64_MAX = 2n ** 63n - 1n;
const SEGMENT = /(\d*)(?:\.(\d*))?([a-zµμ]+)/y;
const DIGITS_MAX = 40;

/** Nanoseconds of a text like `1d2h30.5m`; undefined when it is none or does not fit 64 bits. */
export function parseDuration(text: string): bigint | undefined {
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  const body = text.slice(sign.length);
  if (body === "0") return 0n;
  let total = 0n;
  let at = 0;
  while (at < body.length) {
    SEGMENT.lastIndex = at;
    const match = SEGMENT.exec(body);
    if (match === null) return undefined;
    const [whole, digits = "", fraction = "", unit = ""] = match;
    const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
    if (factor === undefined || digits + fraction === "" || digits.length > DIGITS_MAX) return undefined;
    const kept = fraction.slice(0, DIGITS_MAX);
    total += BigInt(digits || "0") * factor + (BigInt(kept || "0") * factor) / 10n ** BigInt(kept.length);
    at += whole.length;
  }
  if (at === 0) return undefined;
  const signed = sign === "-" ? -total : total;
  return signed > INT64_MAX || signed < -INT64_MAX - 1n ? undefined : signed;
}
