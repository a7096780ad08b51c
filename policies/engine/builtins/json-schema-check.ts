import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";
import { bigintOf, compareNumbers, isNumber, OObject, OSet, type Value } from "../value.ts";
import { parseAddress } from "./ip-address.ts";
import { pattern } from "./regex.ts";
import { parseTime } from "./time-parse.ts";
import { parseUri } from "./uri-parts.ts";

const TYPES = ["array", "boolean", "integer", "number", "null", "object", "string"];

/** The types that a schema allows; none named: all. */
export function schemaTypes(schema: OObject): string[] {
  const type = schema.get("type");
  const names = type === undefined ? [] : Array.isArray(type) ? type : [type];
  return names.map((name) => {
    if (typeof name !== "string") throw builtinError("type must be of type string or array of strings");
    if (!TYPES.includes(name))
      throw builtinError(
        `has a primitive type that is NOT VALID -- given: /${name}/ Expected valid values are:[${TYPES.join(" ")}]`,
      );
    return name;
  });
}

const isSchema = (value: Value): boolean => value instanceof OObject || typeof value === "boolean";
const isCount = (value: Value): boolean => isNumber(value) && (bigintOf(value) ?? -1n) >= 0n;
const isText = (value: Value): boolean => typeof value === "string";
const isTexts = (value: Value): boolean =>
  Array.isArray(value) && value.every(isText) && OSet.of(value).size === value.length;
const isPattern = (value: Value): boolean => {
  if (typeof value !== "string") return false;
  pattern(value);
  return true;
};

/** The form that each keyword's value must have. */
const FORMS: ReadonlyMap<string, (value: Value) => boolean> = new Map(
  Object.entries<(value: Value) => boolean>({
    $ref: isText,
    $id: isText,
    title: isText,
    description: isText,
    format: isText,
    pattern: isPattern,
    required: isTexts,
    enum: (value) => Array.isArray(value) && value.length > 0 && OSet.of(value).size === value.length,
    multipleOf: (value) => isNumber(value) && compareNumbers(value, 0) > 0,
    minimum: isNumber,
    maximum: isNumber,
    exclusiveMinimum: (value) => isNumber(value) || typeof value === "boolean",
    exclusiveMaximum: (value) => isNumber(value) || typeof value === "boolean",
    minLength: isCount,
    maxLength: isCount,
    minItems: isCount,
    maxItems: isCount,
    minProperties: isCount,
    maxProperties: isCount,
    uniqueItems: (value) => typeof value === "boolean",
    anyOf: Array.isArray,
    oneOf: Array.isArray,
    allOf: Array.isArray,
    items: (value) => isSchema(value) || Array.isArray(value),
    additionalItems: isSchema,
    additionalProperties: isSchema,
    propertyNames: isSchema,
    contains: isSchema,
    not: isSchema,
    if: isSchema,
    else: isSchema,
    properties: (value) => value instanceof OObject,
    patternProperties: (value) => value instanceof OObject,
    dependencies: (value) => value instanceof OObject,
    definitions: (value) => value instanceof OObject,
    $defs: (value) => value instanceof OObject,
  }),
).set("then", isSchema);
const SCHEMAS = new Set([
  "items",
  "additionalItems",
  "additionalProperties",
  "propertyNames",
  "contains",
  "not",
  "if",
  "then",
  "else",
]);
const SCHEMA_LISTS = new Set(["anyOf", "oneOf", "allOf", "items"]);
const SCHEMA_MAPS = new Set(["properties", "patternProperties", "definitions", "$defs"]);

/** Throws where a schema (JSON Schema, drafts 4 to 7) or a part of it is malformed. */
export function checkSchema(schema: Value): void {
  spend(4);
  if (typeof schema === "boolean") return;
  if (!(schema instanceof OObject)) throw builtinError("schema must be of type object or boolean");
  schemaTypes(schema);
  for (const [key, value] of schema.entries()) {
    const name = String(key);
    const form = FORMS.get(name);
    if (form !== undefined && !form(value)) throw builtinError(`${name} is malformed`);
    if (SCHEMA_LISTS.has(name) && Array.isArray(value)) value.forEach(checkSchema);
    else if (SCHEMAS.has(name)) checkSchema(value);
    else if (SCHEMA_MAPS.has(name) && value instanceof OObject)
      for (const [, member] of value.entries()) checkSchema(member);
    if (name === "patternProperties" && value instanceof OObject) for (const member of value.keys()) isPattern(member);
  }
}

const byLayouts =
  (...layouts: string[]) =>
  (text: string): boolean =>
    layouts.some((layout) => parseTime(layout, text) !== undefined);
const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  date: byLayouts("2006-01-02"),
  time: byLayouts("15:04:05Z07:00", "15:04:05"),
  "date-time": byLayouts("2006-01-02T15:04:05Z07:00"),
  hostname: (text) => HOST_NAME.test(text),
  email: (text) => /^[^\s@<>]+@[^\s@<>]+$/.test(text),
  ipv4: (text) => !text.includes(":") && parseAddress(text) !== undefined,
  ipv6: (text) => text.includes(":") && parseAddress(text) !== undefined,
  uri: (text) => (parseUri(text)?.scheme ?? "") !== "",
  "uri-reference": (text) => parseUri(text) !== undefined,
  uuid: (text) => /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(text),
  "json-pointer": (text) => /^(?:\/(?:[^~/]|~[01])*)*$/.test(text),
};

/** Formats are about strings; unknown ones say nothing. */
export const isFormat = (format: string, value: Value): boolean =>
  typeof value !== "string" || !Object.hasOwn(FORMATS, format) || FORMATS[format]?.(value) !== false;
