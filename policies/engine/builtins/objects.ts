import { lookup } from "../collections.ts";
import { typeError } from "../failure.ts";
import { spend } from "../meter.ts";
import { equalValues, OObject, OSet, type Value } from "../value.ts";
import { any, array, builtin, type Family, object, wrongOperand } from "./operands.ts";

/** Keys given as an array, a set or an object's keys. */
function keySet(args: readonly Value[], at: number): OSet {
  const keys = args[at];
  if (keys instanceof OSet) return keys;
  if (Array.isArray(keys)) return OSet.of(keys);
  if (keys instanceof OObject) return OSet.of(keys.keys());
  throw wrongOperand(at, keys, "object", "set", "array");
}

function get(args: readonly Value[]): Value {
  const [source, path, fallback] = [object(args, 0), any(args, 1), any(args, 2)];
  const member = Array.isArray(path) ? undefined : source.get(path);
  if (!Array.isArray(path)) return member === undefined ? fallback : member;
  let current: Value | undefined = source;
  for (const key of path) {
    if (current === undefined) break;
    current = lookup(current, key);
  }
  return current === undefined ? fallback : current;
}

/** `b` over `a`, objects recursively. */
export function union(a: OObject, b: OObject): OObject {
  const result = a.copy();
  spend(b.size);
  for (const [key, value] of b.entries()) {
    const known = result.get(key);
    result.set(key, known instanceof OObject && value instanceof OObject ? union(known, value) : value);
  }
  return result;
}

function unionN(args: readonly Value[]): OObject {
  let result = new OObject();
  for (const element of array(args, 0)) {
    if (!(element instanceof OObject)) throw typeError("operand 1 must be array of objects");
    result = union(result, element);
  }
  return result;
}

function pick(args: readonly Value[], wanted: boolean): OObject {
  const source = object(args, 0);
  const keys = keySet(args, 1);
  const result = new OObject();
  spend(source.size);
  for (const [key, value] of source.entries()) if (keys.has(key) === wanted) result.set(key, value);
  return result;
}

function isSubset(large: Value, small: Value): boolean | undefined {
  if (large instanceof OObject && small instanceof OObject) {
    return small.keys().every((key) => {
      const [theirs, ours] = [large.get(key), small.get(key)];
      if (theirs === undefined || ours === undefined) return false;
      return equalValues(theirs, ours) || (sameKind(theirs, ours) && isSubset(theirs, ours) === true);
    });
  }
  if (large instanceof OSet && small instanceof OSet) return small.sorted().every((member) => large.has(member));
  if (Array.isArray(large) && Array.isArray(small)) return isRun(large, small);
  if (Array.isArray(large) && small instanceof OSet) {
    const members = OSet.of(large);
    // OPA's loop only answers true after it has matched something.
    return large.length > 0 && small.sorted().every((member) => members.has(member));
  }
  return undefined;
}

const sameKind = (a: Value, b: Value): boolean =>
  (Array.isArray(a) && Array.isArray(b)) ||
  (a instanceof OSet && b instanceof OSet) ||
  (a instanceof OObject && b instanceof OObject);

function isRun(large: readonly Value[], small: readonly Value[]): boolean {
  spend(large.length * small.length);
  if (small.length === 0) return true;
  for (let at = 0; at + small.length <= large.length; at++) {
    if (small.every((element, offset) => equalValues(large[at + offset] ?? null, element))) return true;
  }
  return false;
}

/** Every [path, value] of a document, the document itself first. */
function walk(args: readonly Value[]): Value[] {
  const found: Value[] = [];
  const visit = (value: Value, path: readonly Value[]): void => {
    spend(1 + path.length);
    found.push([[...path], value]);
    if (Array.isArray(value)) for (const [at, element] of value.entries()) visit(element, [...path, at]);
    else if (value instanceof OSet) for (const member of value.sorted()) visit(member, [...path, member]);
    else if (value instanceof OObject) for (const [key, member] of value.entries()) visit(member, [...path, key]);
  };
  visit(any(args, 0), []);
  return found;
}

export const OBJECTS: Family = {
  "object.get": builtin(3, get),
  "object.keys": builtin(1, (args) => OSet.of(object(args, 0).keys())),
  "object.union": builtin(2, (args) => union(object(args, 0), object(args, 1))),
  "object.union_n": builtin(1, unionN),
  "object.remove": builtin(2, (args) => pick(args, false)),
  "object.filter": builtin(2, (args) => pick(args, true)),
  "object.subset": builtin(2, (args) => {
    const answer = isSubset(any(args, 0), any(args, 1));
    if (answer === undefined) throw typeError("both arguments object.subset must be of the same type or array and set");
    return answer;
  }),
  walk: builtin(1, walk),
};
