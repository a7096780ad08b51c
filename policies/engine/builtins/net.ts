import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";
import { OObject, OSet, type Value } from "../value.ts";
import { addressText, lastAddress, type Network, parseAddress, parseNetwork } from "./ip-address.ts";
import { any, builtin, type Family, string } from "./operands.ts";

function network(args: readonly Value[], at: number): Network {
  const text = string(args, at);
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw builtinError(`invalid CIDR address: ${text}`);
  return parsed;
}

/** An address, or a network, as a range. */
function rangeOf(text: string): Network {
  const address = parseAddress(text);
  const parsed = address === undefined ? parseNetwork(text) : { ...address, prefix: address.bits };
  if (parsed === undefined) throw builtinError(`not a valid textual representation of an IP address or CIDR: ${text}`);
  return parsed;
}

const contains = (outer: Network, inner: Network): boolean =>
  outer.bits === inner.bits && outer.value <= inner.value && lastAddress(inner) <= lastAddress(outer);

function intersects(args: readonly Value[]): boolean {
  const [a, b] = [network(args, 0), network(args, 1)];
  return a.bits === b.bits && a.value <= lastAddress(b) && b.value <= lastAddress(a);
}

/** Networks to look through, each with the key under which a match is reported. */
function candidates(value: Value, operand: number): [Value, string][] {
  const text = (entry: Value): string => {
    const found = Array.isArray(entry) ? entry[0] : entry;
    if (typeof entry !== "string" && !Array.isArray(entry))
      throw builtinError(`operand ${operand}: element must be string or non-empty array`);
    if (found === undefined) throw builtinError(`operand ${operand}: element must be string or non-empty array`);
    return string([found], 0);
  };
  if (typeof value === "string") return [[value, value]];
  if (Array.isArray(value)) return value.map((entry, at) => [at, text(entry)]);
  if (value instanceof OSet) return value.sorted().map((entry) => [entry, text(entry)]);
  if (value instanceof OObject) return [...value.entries()].map(([key, entry]) => [key, text(entry)]);
  return [];
}

function containsMatches(args: readonly Value[]): OSet {
  const found = new OSet();
  const inner = candidates(any(args, 1), 2);
  for (const [outerKey, outer] of candidates(any(args, 0), 1)) {
    for (const [innerKey, candidate] of inner) {
      spend(4);
      if (contains(network([outer], 0), rangeOf(candidate))) found.add([outerKey, innerKey]);
    }
  }
  return found;
}

function expand(args: readonly Value[]): OSet {
  const whole = network(args, 0);
  const found = new OSet();
  for (let value = whole.value; value <= lastAddress(whole); value++) {
    spend(2);
    found.add(addressText({ value, bits: whole.bits }));
  }
  return found;
}

/** An address without prefix has its class's mask, as Go gives it: IPv4 only. */
function mergeable(entry: Value): Network {
  if (typeof entry !== "string") throw builtinError("element must be string");
  const address = parseAddress(entry);
  if (address === undefined) {
    const parsed = parseNetwork(entry);
    if (parsed === undefined) throw builtinError(`invalid CIDR address: ${entry}`);
    return parsed;
  }
  if (address.bits !== 32) throw builtinError("IPv6 invalid: needs prefix length");
  const first = address.value >> 24n;
  return { ...address, prefix: first < 128n ? 8 : first < 192n ? 16 : first < 224n ? 24 : 32 };
}

interface Range {
  bits: 32 | 128;
  first: bigint;
  last: bigint;
  /** Set while the range is one network as it was given. */
  whole: Network | undefined;
}

function merge(args: readonly Value[]): OSet {
  const entries = any(args, 0);
  if (!(Array.isArray(entries) || entries instanceof OSet)) throw builtinError("operand must be an array");
  const ranges = (Array.isArray(entries) ? entries : entries.sorted()).map(mergeable).map((whole): Range => {
    spend(4);
    const host = BigInt(whole.bits - whole.prefix);
    return { bits: whole.bits, first: (whole.value >> host) << host, last: lastAddress(whole), whole };
  });
  ranges.sort((a, b) => a.bits - b.bits || order(a.last, b.last) || order(a.first, b.first));
  const merged: Range[] = [];
  for (const range of ranges) {
    let current = range;
    for (
      let before = merged.at(-1);
      before !== undefined && before.bits === current.bits && current.first - 1n <= before.last;
      before = merged.at(-1)
    ) {
      merged.pop();
      current = { ...current, first: lower(before.first, current.first), whole: undefined };
    }
    merged.push(current);
  }
  const found = new OSet();
  for (const range of merged)
    for (const part of range.whole === undefined ? networksOf(range) : [range.whole])
      found.add(`${addressText(part)}/${part.prefix}`);
  return found;
}

const lower = (a: bigint, b: bigint): bigint => [a, b].reduce((x, y) => (y < x ? y : x));
const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** The fewest networks that cover exactly the range. */
function networksOf({ bits, first, last }: Range): Network[] {
  const parts: Network[] = [];
  for (let value = first; value <= last; ) {
    spend(1);
    let prefix: number = bits;
    while (prefix > 0 && fits(value, prefix - 1, bits, last)) prefix--;
    parts.push({ value, bits, prefix });
    value += 1n << BigInt(bits - prefix);
  }
  return parts;
}

const fits = (value: bigint, prefix: number, bits: number, last: bigint): boolean => {
  const size = 1n << BigInt(bits - prefix);
  return value % size === 0n && value + size - 1n <= last;
};

export const NET: Family = {
  "net.cidr_contains": builtin(2, (args) => contains(network(args, 0), rangeOf(string(args, 1)))),
  "net.cidr_contains_matches": builtin(2, containsMatches),
  "net.cidr_intersects": builtin(2, intersects),
  "net.cidr_overlap": builtin(2, (args) => contains(network(args, 0), rangeOf(string(args, 1)))),
  "net.cidr_expand": builtin(1, expand),
  "net.cidr_is_valid": builtin(1, ([value]) => typeof value === "string" && parseNetwork(value) !== undefined),
  "net.cidr_merge": builtin(1, merge),
};
