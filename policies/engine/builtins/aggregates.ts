import { typeError } from "../failure.ts";
import { spend } from "../meter.ts";
import { compareValues, isNumber, type NumberValue, OObject, OSet, type Value } from "../value.ts";
import { multiply, plus } from "./arithmetic.ts";
import { any, array, builtin, type Family, integer, isAscii, list, points, set, wrongOperand } from "./operands.ts";

function count(args: readonly Value[]): number {
  const value = args[0];
  if (typeof value === "string") return isAscii(value) ? value.length : points(value).length;
  if (Array.isArray(value)) return value.length;
  if (value instanceof OObject || value instanceof OSet) return value.size;
  throw wrongOperand(0, value, "array", "object", "set", "string");
}

const fold = (start: number, run: (x: NumberValue, y: NumberValue) => NumberValue) =>
  builtin(1, (args) =>
    list(args, 0).reduce<NumberValue>((total, value) => {
      spend(1);
      if (!isNumber(value)) throw typeError("operand 1 must be a collection of numbers");
      return run(total, value);
    }, start),
  );

const extreme = (better: (order: number) => boolean) =>
  builtin(1, (args) => {
    let best: Value | undefined;
    for (const value of list(args, 0)) {
      spend(1);
      if (best === undefined || better(compareValues(value, best))) best = value;
    }
    return best;
  });

/** The deprecated `any` and `all`: over an array or a set. */
const quantifier = (found: boolean, wanted: (value: Value) => boolean) =>
  builtin(1, (args) => (list(args, 0).some(wanted) ? found : !found));

function slice(args: readonly Value[]): Value[] {
  const elements = array(args, 0);
  const start = Math.max(integer(args, 1), 0);
  const stop = Math.min(integer(args, 2), elements.length);
  return start >= stop ? [] : elements.slice(start, stop);
}

function flatten(args: readonly Value[]): Value[] {
  return array(args, 0).flat();
}

const memberOf = (needle: Value, haystack: Value): boolean => {
  if (haystack instanceof OSet) return haystack.has(needle);
  if (Array.isArray(haystack)) {
    spend(haystack.length);
    return haystack.some((element) => compareValues(element, needle) === 0);
  }
  if (!(haystack instanceof OObject)) return false;
  spend(haystack.size);
  return haystack.keys().some((key) => compareValues(haystack.get(key) ?? null, needle) === 0);
};

function memberWithKey(key: Value, needle: Value, haystack: Value): boolean {
  if (haystack instanceof OSet) return compareValues(key, needle) === 0 && haystack.has(needle);
  const found =
    haystack instanceof OObject
      ? haystack.get(key)
      : Array.isArray(haystack) && typeof key === "number"
        ? haystack[key]
        : undefined;
  return found !== undefined && compareValues(found, needle) === 0;
}

function intersection(sets: readonly Value[]): OSet {
  const [first, ...rest] = sets.map((member, at) => set(sets, at) && member);
  if (!(first instanceof OSet)) return new OSet();
  spend(first.size * (rest.length + 1));
  return OSet.of(first.sorted().filter((member) => rest.every((other) => other instanceof OSet && other.has(member))));
}

function union(sets: readonly Value[]): OSet {
  const result = new OSet();
  for (let at = 0; at < sets.length; at++) {
    const members = set(sets, at).sorted();
    spend(members.length);
    for (const member of members) result.add(member);
  }
  return result;
}

export const AGGREGATES: Family = {
  count: builtin(1, count),
  sum: fold(0, plus),
  product: fold(1, multiply),
  max: extreme((order) => order > 0),
  min: extreme((order) => order < 0),
  sort: builtin(1, (args) => {
    const values = list(args, 0);
    spend(values.length * 4);
    return [...values].sort(compareValues);
  }),
  any: quantifier(true, (value) => value === true),
  all: quantifier(false, (value) => value !== true),
  "array.concat": builtin(2, (args) => [...array(args, 0), ...array(args, 1)]),
  "array.slice": builtin(3, slice),
  "array.reverse": builtin(1, (args) => [...array(args, 0)].reverse()),
  "array.flatten": builtin(1, flatten),
  "internal.member_2": builtin(2, (args) => memberOf(any(args, 0), any(args, 1))),
  "internal.member_3": builtin(3, (args) => memberWithKey(any(args, 0), any(args, 1), any(args, 2))),
  and: builtin(2, (args) => intersection([set(args, 0), set(args, 1)])),
  or: builtin(2, (args) => union([set(args, 0), set(args, 1)])),
  set_diff: builtin(2, (args) =>
    OSet.of(
      set(args, 0)
        .sorted()
        .filter((member) => !set(args, 1).has(member)),
    ),
  ),
  intersection: builtin(1, (args) => intersection(set(args, 0).sorted())),
  union: builtin(1, (args) => union(set(args, 0).sorted())),
};
