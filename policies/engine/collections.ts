import { bigintOf, isNumber, numberText, OObject, OSet, type Value } from "./value.ts";

/** `collection[key]` as Rego has it; scalars have no members. */
export function lookup(source: Value, key: Value): Value | undefined {
  if (source instanceof OObject) return source.get(key);
  if (Array.isArray(source)) {
    if (typeof key === "number") return source[key];
    if (!isNumber(key)) return undefined;
    const index = bigintOf(key);
    return index === undefined ? undefined : source[Number(index)];
  }
  if (source instanceof OSet) return source.has(key) ? key : undefined;
  return undefined;
}

/** `a` over `b`, objects recursively; what is no object on either side is taken from `a`. */
export function merged(a: Value, b: Value): Value {
  if (!(a instanceof OObject && b instanceof OObject)) return a;
  const result = b.copy();
  for (const [key, value] of a.entries()) {
    const other = b.get(key);
    result.set(key, other === undefined ? value : merged(value, other));
  }
  return result;
}

/** A copy of `value` in which `path` leads to `replacement`; what is no object on the way becomes one. */
export function upserted(value: Value | undefined, path: readonly string[], replacement: Value, from = 0): Value {
  const key = path[from];
  if (key === undefined) return replacement;
  const result = value instanceof OObject ? value.copy() : new OObject();
  result.set(key, upserted(result.get(key), path, replacement, from + 1));
  return result;
}

/** The same along a reference into base documents, whose keys OPA's storage holds as text: `data[2]` finds member `"2"`. */
export function storedLookup(source: Value, key: Value): Value | undefined {
  const found = lookup(source, key);
  return found === undefined && source instanceof OObject && isNumber(key) ? source.get(numberText(key)) : found;
}
