import { builtinError } from "../failure.ts";
import type { Value } from "../value.ts";
import { builtin, type Family, string } from "./operands.ts";

interface Version {
  numbers: bigint[];
  prerelease: string[];
}

const IDENTIFIERS = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const NUMBER = "(0|[1-9]\\d*)";
const VERSION = new RegExp(`^v?${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`);
const INT64_MAX = 2n ** 63n - 1n;

function parse(text: string): Version | undefined {
  const match = VERSION.exec(text);
  if (match === null) return undefined;
  const numbers = match.slice(1, 4).map((digits) => BigInt(digits));
  const prerelease = match[4]?.split(".") ?? [];
  if (numbers.some((number) => number > INT64_MAX) || prerelease.some((part) => /^0\d+$/.test(part))) return undefined;
  return { numbers, prerelease };
}

const isNumeric = (part: string): boolean => /^\d+$/.test(part);

/** SemVer 2.0.0, clause 11: numeric identifiers by value and below all others, those by ASCII. */
function compareIdentifiers(a: string, b: string): number {
  if (isNumeric(a) && isNumeric(b)) {
    const [x, y] = [BigInt(a), BigInt(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (isNumeric(a) !== isNumeric(b)) return isNumeric(a) ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function compare(a: Version, b: Version): number {
  for (const [at, number] of a.numbers.entries()) {
    const other = b.numbers[at] ?? 0n;
    if (number !== other) return number < other ? -1 : 1;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return Math.sign(b.prerelease.length - a.prerelease.length);
  const shared = Math.min(a.prerelease.length, b.prerelease.length);
  for (let at = 0; at < shared; at++) {
    const order = compareIdentifiers(a.prerelease[at] ?? "", b.prerelease[at] ?? "");
    if (order !== 0) return order;
  }
  return Math.sign(a.prerelease.length - b.prerelease.length);
}

function operand(args: readonly Value[], at: number): Version {
  const text = string(args, at);
  const version = parse(text);
  if (version === undefined) throw builtinError(`operand ${at + 1}: string ${text} is not a valid SemVer`);
  return version;
}

export const SEMVER: Family = {
  "semver.compare": builtin(2, (args) => compare(operand(args, 0), operand(args, 1))),
  "semver.is_valid": builtin(1, ([value]) => typeof value === "string" && parse(value) !== undefined),
};
