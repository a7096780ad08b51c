import { BuiltinFailure, builtinError } from "../failure.ts";
import { parseJson, toJsonText } from "../json.ts";
import { spend } from "../meter.ts";
import {
  bigintOf,
  compareNumbers,
  decimalOf,
  equalValues,
  isNumber,
  type NumberValue,
  numberText,
  OObject,
  OSet,
  typeName,
  type Value,
} from "../value.ts";
import { checkSchema, isFormat, schemaTypes } from "./json-schema-check.ts";
import { any, builtin, type Family, points } from "./operands.ts";
import { matches } from "./regex.ts";

/** One way in which a document does not fit. */
interface Mismatch {
  type: string;
  field: string;
  desc: string;
}

const REFERENCES_MAX = 64;

/** A document or schema: JSON text, or an object or array. */
function loaded(value: Value): Value {
  if (value instanceof OObject || Array.isArray(value)) return plain(value);
  if (typeof value !== "string") throw builtinError("wrong type, expected string or object");
  const parsed = parseJson(value);
  if (!parsed.ok) throw builtinError("invalid JSON string");
  return parsed.value;
}

/** Sets are arrays in JSON, and keys are texts. */
function plain(value: Value): Value {
  const parsed = parseJson(toJsonText(value));
  if (!parsed.ok) throw builtinError(parsed.error.detail);
  return parsed.value;
}

const schemaNumber = (schema: OObject, name: string): NumberValue | undefined => {
  const value = schema.get(name);
  return value !== undefined && isNumber(value) ? value : undefined;
};
const schemaList = (schema: OObject, name: string): readonly Value[] => {
  const value = schema.get(name);
  return Array.isArray(value) ? value : [];
};
const schemaObject = (schema: OObject, name: string): OObject => {
  const value = schema.get(name);
  return value instanceof OObject ? value : new OObject();
};

class Validator {
  readonly #root: Value;
  readonly found: Mismatch[] = [];
  constructor(root: Value) {
    this.#root = root;
  }

  #report(path: readonly string[], type: string, desc: string): void {
    this.found.push({ type, field: path.length === 0 ? "(Root)" : path.join("."), desc });
  }

  /** What a schema finds, apart from what was found so far. */
  #probe(schema: Value, value: Value, path: readonly string[], depth: number): Mismatch[] {
    const probe = new Validator(this.#root);
    probe.validate(schema, value, path, depth);
    return probe.found;
  }

  validate(schema: Value, value: Value, path: readonly string[], depth = 0): void {
    spend(8);
    if (schema === false) this.#report(path, "false", "False always fails validation");
    if (!(schema instanceof OObject)) return;
    const reference = schema.get("$ref");
    if (typeof reference === "string") {
      if (depth >= REFERENCES_MAX) throw builtinError("schema references are nested too deeply");
      this.validate(this.#resolve(reference), value, path, depth + 1);
      return;
    }
    const types = schemaTypes(schema);
    const isInteger = isNumber(value) && bigintOf(value) !== undefined;
    const given = isInteger ? "integer" : typeName(value);
    if (types.length > 0 && !types.includes(given) && !(isInteger && types.includes("number"))) {
      this.#report(path, "invalid_type", `Invalid type. Expected: ${types.join("/")}, given: ${given}`);
      return;
    }
    this.#combined(schema, value, path, depth);
    if (value instanceof OObject) this.#object(schema, value, path, depth);
    else if (Array.isArray(value)) this.#array(schema, value, path, depth);
    else if (isNumber(value)) this.#number(schema, value, path);
    this.#common(schema, value, path);
    if (typeof value === "string") this.#string(schema, value, path);
  }

  #resolve(reference: string): Value {
    if (!reference.startsWith("#")) throw builtinError("remote schema references are not read");
    let current: Value | undefined = this.#root;
    for (const part of reference.slice(1).split("/").slice(1)) {
      const key = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
      current =
        current instanceof OObject ? current.get(key) : Array.isArray(current) ? current[Number(key)] : undefined;
    }
    if (current === undefined) throw builtinError(`Object has no key '${reference}'`);
    return current;
  }

  #combined(schema: OObject, value: Value, path: readonly string[], depth: number): void {
    const probes = (name: string): Mismatch[][] =>
      schemaList(schema, name).map((entry) => this.#probe(entry, value, path, depth));
    const [anyOf, oneOf, allOf] = [probes("anyOf"), probes("oneOf"), probes("allOf")];
    const valid = (found: Mismatch[]): boolean => found.length === 0;
    if (anyOf.length > 0 && !anyOf.some(valid)) {
      this.#report(path, "number_any_of", "Must validate at least one schema (anyOf)");
      this.found.push(...(anyOf[0] ?? []));
    }
    const fitting = oneOf.filter(valid).length;
    if (oneOf.length > 0 && fitting !== 1) {
      this.#report(path, "number_one_of", "Must validate one and only one schema (oneOf)");
      if (fitting === 0) this.found.push(...(oneOf[0] ?? []));
    }
    this.found.push(...allOf.flat());
    if (!allOf.every(valid)) this.#report(path, "number_all_of", "Must validate all the schemas (allOf)");
    const not = schema.get("not");
    if (not !== undefined && valid(this.#probe(not, value, path, depth)))
      this.#report(path, "number_not", "Must not validate the schema (not)");
    this.#conditional(schema, value, path, depth);
  }

  #conditional(schema: OObject, value: Value, path: readonly string[], depth: number): void {
    const condition = schema.get("if");
    if (condition === undefined) return;
    const holds = this.#probe(condition, value, path, depth).length === 0;
    const branch = schema.get(holds ? "then" : "else");
    const found = branch === undefined ? [] : this.#probe(branch, value, path, depth);
    if (found.length === 0) return;
    if (holds) this.#report(path, "condition_then", `Must validate "then" as "if" was valid`);
    else this.#report(path, "condition_else", `Must validate "else" as "if" was not valid`);
    this.found.push(...found);
  }

  #common(schema: OObject, value: Value, path: readonly string[]): void {
    const field = path.at(-1) ?? "(Root)";
    const constant = schema.get("const");
    if (constant !== undefined && !equalValues(constant, value))
      this.#report(path, "const", `${field} does not match: ${toJsonText(constant)}`);
    const allowed = schema.get("enum");
    if (Array.isArray(allowed) && !allowed.some((entry) => equalValues(entry, value))) {
      this.#report(path, "enum", `${field} must be one of the following: ${allowed.map(toJsonText).join(", ")}`);
    }
    const format = schema.get("format");
    if (typeof format === "string" && !isFormat(format, value))
      this.#report(path, "format", `Does not match format '${format}'`);
  }

  #number(schema: OObject, value: NumberValue, path: readonly string[]): void {
    const bound = (name: string, fails: (order: number) => boolean, type: string, words: string): void => {
      const limit = schemaNumber(schema, name);
      if (limit !== undefined && fails(compareNumbers(value, limit)))
        this.#report(path, type, `Must be ${words} ${numberText(limit)}`);
    };
    // Draft 4 has a boolean beside the bound, later drafts a bound of its own.
    const exclusive = {
      minimum: schema.get("exclusiveMinimum") === true,
      maximum: schema.get("exclusiveMaximum") === true,
    };
    const factor = schemaNumber(schema, "multipleOf");
    if (factor !== undefined && !isMultiple(value, factor))
      this.#report(path, "multiple_of", `Must be a multiple of ${numberText(factor)}`);
    bound(
      "maximum",
      (order) => order > 0 || (exclusive.maximum && order === 0),
      exclusive.maximum ? "number_lt" : "number_lte",
      exclusive.maximum ? "less than" : "less than or equal to",
    );
    bound("exclusiveMaximum", (order) => order >= 0, "number_lt", "less than");
    bound(
      "minimum",
      (order) => order < 0 || (exclusive.minimum && order === 0),
      exclusive.minimum ? "number_gt" : "number_gte",
      exclusive.minimum ? "greater than" : "greater than or equal to",
    );
    bound("exclusiveMinimum", (order) => order <= 0, "number_gt", "greater than");
  }

  #count(
    schema: OObject,
    path: readonly string[],
    count: number,
    min: [string, string, string],
    max: [string, string, string],
  ): void {
    for (const [[name, type, words], fails] of [
      [min, (order: number) => order < 0],
      [max, (order: number) => order > 0],
    ] as const) {
      const limit = schemaNumber(schema, name);
      if (limit !== undefined && fails(compareNumbers(count, limit)))
        this.#report(path, type, words.replace("%", numberText(limit)));
    }
  }

  #string(schema: OObject, value: string, path: readonly string[]): void {
    this.#count(
      schema,
      path,
      points(value).length,
      ["minLength", "string_gte", "String length must be greater than or equal to %"],
      ["maxLength", "string_lte", "String length must be less than or equal to %"],
    );
    const pattern = schema.get("pattern");
    if (typeof pattern === "string" && matches(pattern, value, 1).length === 0)
      this.#report(path, "pattern", `Does not match pattern '${pattern}'`);
  }

  #array(schema: OObject, value: readonly Value[], path: readonly string[], depth: number): void {
    const items = schema.get("items");
    const additional = schema.get("additionalItems");
    for (const [at, element] of value.entries()) {
      const own = Array.isArray(items) ? items[at] : items;
      if (own !== undefined) this.validate(own, element, [...path, String(at)], depth);
      else if (Array.isArray(items) && additional instanceof OObject)
        this.validate(additional, element, [...path, String(at)], depth);
    }
    if (Array.isArray(items) && additional === false && value.length > items.length)
      this.#report(path, "array_no_additional_items", "No additional items allowed on array");
    this.#count(
      schema,
      path,
      value.length,
      ["minItems", "array_min_items", "Array must have at least % items"],
      ["maxItems", "array_max_items", "Array must have at most % items"],
    );
    if (schema.get("uniqueItems") === true && OSet.of(value).size !== value.length) {
      const [i, j] = repeated(value);
      this.#report(path, "unique", `array items[${i},${j}] must be unique`);
    }
    const contained = schema.get("contains");
    if (
      contained !== undefined &&
      !value.some((element, at) => this.#probe(contained, element, [...path, String(at)], depth).length === 0)
    ) {
      this.#report(path, "contains", "At least one of the items must match");
    }
  }

  #object(schema: OObject, value: OObject, path: readonly string[], depth: number): void {
    this.#count(
      schema,
      path,
      value.size,
      ["minProperties", "array_min_properties", "Must have at least % properties"],
      ["maxProperties", "array_max_properties", "Must have at most % properties"],
    );
    for (const name of schemaList(schema, "required"))
      if (!value.has(name)) this.#report(path, "required", `${String(name)} is required`);
    const [properties, patterns] = [schemaObject(schema, "properties"), schemaObject(schema, "patternProperties")];
    const additional = schema.get("additionalProperties");
    const names = schema.get("propertyNames");
    for (const [key, member] of value.entries()) {
      const name = String(key);
      const own = properties.get(name);
      const fitting = [...patterns.entries()].filter(([pattern]) => matches(String(pattern), name, 1).length > 0);
      if (own !== undefined) this.validate(own, member, [...path, name], depth);
      for (const [, patternSchema] of fitting) this.validate(patternSchema, member, [...path, name], depth);
      if (own === undefined && fitting.length === 0) {
        if (additional === false)
          this.#report(path, "additional_property_not_allowed", `Additional property ${name} is not allowed`);
        else if (additional instanceof OObject) this.validate(additional, member, [...path, name], depth);
      }
      if (names !== undefined && this.#probe(names, name, path, depth).length > 0)
        this.#report(path, "invalid_property_name", `Property name of "${name}" does not match`);
      this.#dependency(schemaObject(schema, "dependencies").get(name), value, path, depth);
    }
  }

  #dependency(dependency: Value | undefined, value: OObject, path: readonly string[], depth: number): void {
    if (dependency === undefined) return;
    if (!Array.isArray(dependency)) {
      this.validate(dependency, value, path, depth);
      return;
    }
    for (const name of dependency)
      if (!value.has(name)) this.#report(path, "missing_dependency", `Has a dependency on ${String(name)}`);
  }
}

function isMultiple(value: NumberValue, factor: NumberValue): boolean {
  const [a, b] = [decimalOf(value), decimalOf(factor)];
  const shared = Math.min(a.exponent, b.exponent);
  if (b.coefficient === 0n || Math.max(a.exponent, b.exponent) - shared > 1_000) return false;
  const scaled = ({ coefficient, exponent }: typeof a): bigint => coefficient * 10n ** BigInt(exponent - shared);
  return scaled(a) % scaled(b) === 0n;
}

function repeated(values: readonly Value[]): [number, number] {
  for (const [j, value] of values.entries()) {
    const i = values.slice(0, j).findIndex((other) => equalValues(other, value));
    if (i >= 0) return [i, j];
  }
  return [0, 0];
}

function verifySchema(args: readonly Value[]): Value[] {
  try {
    checkSchema(loaded(any(args, 0)));
    return [true, null];
  } catch (error) {
    if (error instanceof BuiltinFailure) return [false, `jsonschema: ${error.message}`];
    throw error;
  }
}

function matchSchema(args: readonly Value[]): Value[] {
  const [document, schema] = [loaded(any(args, 0)), loaded(any(args, 1))];
  checkSchema(schema);
  const validator = new Validator(schema);
  validator.validate(schema, document, []);
  const shown = validator.found.map(({ type, field, desc }) =>
    OObject.of([
      ["desc", desc],
      ["error", `${field}: ${desc}`],
      ["field", field],
      ["type", type],
    ]),
  );
  return [shown.length === 0, shown];
}

export const JSON_SCHEMA: Family = {
  "json.match_schema": builtin(2, matchSchema),
  "json.verify_schema": builtin(1, verifySchema),
};
