import { compareDecimals, type Decimal, decimalToBigint, parseDecimal } from "./decimal.ts";
import { typeError } from "./failure.ts";
import { spend } from "./meter.ts";

/**
 * A number whose text a JavaScript number does not reproduce: long integers and fractions, `1.0`, `1e3`.
 * It denotes the decimal that its text spells; a plain JavaScript number `n` denotes the decimal `String(n)`.
 */
export class Num {
  readonly text: string;
  #decimal: Decimal | undefined;
  constructor(text: string) {
    this.text = text;
  }
  get decimal(): Decimal {
    if (this.#decimal === undefined) {
      this.#decimal = parseDecimal(this.text);
      if (this.#decimal === undefined) throw typeError("illegal number");
    }
    return this.#decimal;
  }
}

export type NumberValue = number | Num;
/** Undefined is not a value: it is what an expression without an answer gives. */
export type Value = null | boolean | NumberValue | string | Value[] | OSet | OObject;

/** Map keys: scalars stand for themselves, composites for a text no plain string key can have. */
type MapKey = null | boolean | number | string;

const COMPOSITE = "\u0000";

/** The key under which equal values, and only those, are found. */
export function keyOf(value: Value): MapKey {
  switch (typeof value) {
    case "string":
      return value.charCodeAt(0) === 0 ? `${COMPOSITE}s${value}` : value;
    case "number":
      return value === 0 ? 0 : value;
    case "boolean":
      return value;
    default:
      return value === null ? null : compositeKey(value);
  }
}

function compositeKey(value: Num | Value[] | OSet | OObject): MapKey {
  if (value instanceof Num) return numKey(value);
  return `${COMPOSITE}${canonicalText(value)}`;
}

function numKey(value: Num): MapKey {
  const { coefficient, exponent } = value.decimal;
  const short = Number(`${coefficient}e${exponent}`);
  if (Number.isFinite(short)) {
    const again = parseDecimal(String(short));
    if (again !== undefined && again.coefficient === coefficient && again.exponent === exponent) return short;
  }
  return `${COMPOSITE}n${coefficient}e${exponent}`;
}

/** Equal composites have equal texts: members are length-prefixed and in order. */
function canonicalText(value: Value): string {
  spend(1);
  if (typeof value === "string") return `s${value.length}:${value}`;
  if (value === null) return "_";
  if (value === true) return "t";
  if (value === false) return "f";
  if (typeof value === "number") return `n${value === 0 ? 0 : value};`;
  if (value instanceof Num) {
    const key = numKey(value);
    return typeof key === "number" ? `n${key};` : `N${key};`;
  }
  if (value instanceof OSet || value instanceof OObject) return value.key();
  let text = "[";
  for (const element of value) text += canonicalText(element);
  return `${text}]`;
}

/** A set: members are unique by value and visited in OPA's order. */
export class OSet {
  readonly #members = new Map<MapKey, Value>();
  #sorted: Value[] | undefined;
  #key: string | undefined;

  static of(members: Iterable<Value>): OSet {
    const set = new OSet();
    for (const member of members) set.add(member);
    return set;
  }
  get size(): number {
    return this.#members.size;
  }
  add(member: Value): void {
    const members = this.#members;
    const { size } = members;
    members.set(keyOf(member), member);
    if (members.size === size) return;
    this.#sorted = undefined;
    this.#key = undefined;
  }
  has(member: Value): boolean {
    return this.#members.has(keyOf(member));
  }
  /** The members in order; not to be changed. */
  sorted(): readonly Value[] {
    if (this.#sorted === undefined) {
      spend(this.#members.size);
      this.#sorted = [...this.#members.values()].sort(compareValues);
    }
    return this.#sorted;
  }
  key(): string {
    if (this.#key === undefined) {
      let text = "<";
      for (const member of this.sorted()) text += canonicalText(member);
      this.#key = `${text}>`;
    } else spend(this.#key.length >> 4);
    return this.#key;
  }
}

/** An object: keys of any type, unique by value, visited in OPA's order. */
export class OObject {
  readonly #values = new Map<MapKey, Value>();
  /** Keys that are not their own map key. */
  #composites: Map<MapKey, Value> | undefined;
  #sorted: Value[] | undefined;
  #key: string | undefined;

  static of(entries: Iterable<readonly [Value, Value]>): OObject {
    const object = new OObject();
    for (const [key, value] of entries) object.set(key, value);
    return object;
  }
  get size(): number {
    return this.#values.size;
  }
  get(key: Value): Value | undefined {
    return this.#values.get(keyOf(key));
  }
  has(key: Value): boolean {
    return this.#values.has(keyOf(key));
  }
  set(key: Value, value: Value): void {
    const mapKey = keyOf(key);
    const values = this.#values;
    const { size } = values;
    values.set(mapKey, value);
    this.#key = undefined;
    if (values.size === size) return;
    this.#sorted = undefined;
    if (mapKey === key) return;
    this.#composites ??= new Map();
    this.#composites.set(mapKey, key);
  }
  /** The keys in order; not to be changed. */
  keys(): readonly Value[] {
    if (this.#sorted === undefined) {
      spend(this.#values.size);
      const composites = this.#composites;
      const keys = [...this.#values.keys()].map((key): Value => composites?.get(key) ?? key);
      this.#sorted = keys.sort(compareValues);
    }
    return this.#sorted;
  }
  *entries(): Generator<[Value, Value]> {
    for (const key of this.keys()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }
  copy(): OObject {
    const copy = new OObject();
    spend(this.size);
    for (const [key, value] of this.entries()) copy.set(key, value);
    return copy;
  }
  key(): string {
    if (this.#key === undefined) {
      let text = "{";
      for (const [key, value] of this.entries()) text += canonicalText(key) + canonicalText(value);
      this.#key = `${text}}`;
    } else spend(this.#key.length >> 4);
    return this.#key;
  }
}

export const isNumber = (value: Value): value is NumberValue => typeof value === "number" || value instanceof Num;

/** The decimal a number denotes. */
export function decimalOf(value: NumberValue): Decimal {
  if (value instanceof Num) return value.decimal;
  if (Number.isSafeInteger(value)) return { coefficient: BigInt(value), exponent: 0 };
  const decimal = parseDecimal(String(value));
  if (decimal === undefined) throw typeError("illegal number");
  return decimal;
}

export const numberText = (value: NumberValue): string => (value instanceof Num ? value.text : String(value + 0));

/** The number of a text in JSON's or Go's form. */
export function numberOf(text: string): NumberValue {
  const short = Number(text);
  return Number.isFinite(short) && String(short) === text ? short : new Num(text);
}

export const numberOfBigint = (value: bigint): NumberValue => {
  const short = Number(value);
  return Number.isSafeInteger(short) ? short : new Num(value.toString());
};

/** The integer a number denotes (`1.0` and `1e3` are integers), else undefined. */
export function bigintOf(value: NumberValue): bigint | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value)) return BigInt(value);
  return decimalToBigint(decimalOf(value));
}

export function compareNumbers(a: NumberValue, b: NumberValue): number {
  // Different doubles print differently and in the same order, so their decimals compare as they do.
  if (typeof a === "number" && typeof b === "number") return a < b ? -1 : a > b ? 1 : 0;
  return compareDecimals(decimalOf(a), decimalOf(b));
}

const SURROGATE = /[\ud800-\udfff]/;

/** By code point, which is the order of UTF-8 bytes. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : 1;
  const left = [...a];
  const right = [...b];
  const shared = Math.min(left.length, right.length);
  for (let at = 0; at < shared; at++) {
    const x = left[at]?.codePointAt(0) ?? 0;
    const y = right[at]?.codePointAt(0) ?? 0;
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

const rank = (value: Value): number => {
  if (value === null) return 0;
  switch (typeof value) {
    case "boolean":
      return 1;
    case "number":
      return 2;
    case "string":
      return 3;
    default:
      return value instanceof Num ? 2 : Array.isArray(value) ? 4 : value instanceof OObject ? 5 : 6;
  }
};

/** OPA's total order: null, booleans, numbers, strings, arrays, objects, sets. */
export function compareValues(a: Value, b: Value): number {
  if (a === b) return 0;
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return a ? 1 : -1;
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b);
  if (a instanceof OSet && b instanceof OSet) return compareLists(a.sorted(), b.sorted());
  if (a instanceof OObject && b instanceof OObject) return compareObjects(a, b);
  return rank(a) - rank(b);
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  const shared = Math.min(a.length, b.length);
  spend(shared);
  for (let at = 0; at < shared; at++) {
    const order = compareValues(a[at] ?? null, b[at] ?? null);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareObjects(a: OObject, b: OObject): number {
  const keys = a.keys();
  const others = b.keys();
  const shared = Math.min(keys.length, others.length);
  spend(shared);
  for (let at = 0; at < shared; at++) {
    const key = keys[at] ?? null;
    const other = others[at] ?? null;
    const order = compareValues(key, other) || compareValues(a.get(key) ?? null, b.get(other) ?? null);
    if (order !== 0) return order;
  }
  return keys.length - others.length;
}

export const equalValues = (a: Value, b: Value): boolean =>
  a === b ||
  (typeof a === "object" && compareValues(a, b) === 0) ||
  (typeof b === "object" && compareValues(a, b) === 0);

const TYPES = ["null", "boolean", "number", "string", "array", "object", "set"] as const;
/** OPA's name of the value's type. */
export const typeName = (value: Value): (typeof TYPES)[number] => TYPES[rank(value)] ?? "null";
