import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";

/** Deeper schemas are recursive: an optional branch ends there. */
const DEPTH_MAX = 32;

/** A minimal instance of a JSON schema: required members only, the shortest arrays and strings, the lowest numbers. */
export const schemaInstance = (schema: JsonValue | undefined): JsonValue => instance(schema, schema, 0);

function instance(schema: JsonValue | undefined, root: JsonValue | undefined, depth: number): JsonValue {
  if (!isJsonObject(schema) || depth > DEPTH_MAX) return null;
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum) && schema.enum[0] !== undefined) return schema.enum[0];
  if (typeof schema.$ref === "string") return instance(resolve(schema.$ref, root), root, depth + 1);
  if (Array.isArray(schema.allOf)) return instance(merged(schema, schema.allOf, root), root, depth + 1);
  for (const branches of [schema.anyOf, schema.oneOf]) {
    if (!Array.isArray(branches)) continue;
    // `null` as an alternative ends a recursion.
    const shortest = branches.find((branch) => isJsonObject(branch) && branch.type === "null") ?? branches[0];
    return instance(depth > 4 ? shortest : branches[0], root, depth + 1);
  }
  switch (typeOf(schema)) {
    case "string":
      return stringOf(schema);
    case "integer":
      return numberOf(schema, 1);
    case "number":
      return numberOf(schema, 0);
    case "boolean":
      return true;
    case "array":
      return arrayOf(schema, root, depth);
    case "object":
      return objectOf(schema, root, depth);
    default:
      return null;
  }
}

function typeOf(schema: JsonObject): string {
  const type = Array.isArray(schema.type) ? schema.type.find((each) => each !== "null") : schema.type;
  if (typeof type === "string") return type;
  if (isJsonObject(schema.properties) || Array.isArray(schema.required)) return "object";
  return schema.items === undefined && schema.prefixItems === undefined ? "null" : "array";
}

/** A local JSON pointer: `#/$defs/name`. */
function resolve(ref: string, root: JsonValue | undefined): JsonValue | undefined {
  if (!ref.startsWith("#")) return undefined;
  let at: JsonValue | undefined = root;
  for (const step of ref.split("/").slice(1)) {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(at)) at = at[Number(name)];
    else at = isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  }
  return at;
}

function merged(schema: JsonObject, parts: JsonValue[], root: JsonValue | undefined): JsonObject {
  const { allOf: _, ...whole } = schema;
  const properties: JsonObject = isJsonObject(whole.properties) ? { ...whole.properties } : {};
  const required = Array.isArray(whole.required) ? [...whole.required] : [];
  for (const part of parts) {
    const given = isJsonObject(part) && typeof part.$ref === "string" ? resolve(part.$ref, root) : part;
    if (!isJsonObject(given)) continue;
    Object.assign(whole, given);
    if (isJsonObject(given.properties)) Object.assign(properties, given.properties);
    if (Array.isArray(given.required)) required.push(...given.required);
  }
  if (Object.keys(properties).length > 0) Object.assign(whole, { properties, required });
  return whole;
}

const FORMATS: Readonly<Record<string, string>> = {
  date: "2026-01-01",
  "date-time": "2026-01-01T00:00:00Z",
  time: "00:00:00Z",
  duration: "PT0S",
  email: "synthetic@example.com",
  hostname: "example.com",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  uri: "https://example.com/",
  uuid: "00000000-0000-4000-8000-000000000000",
};

function stringOf(schema: JsonObject): string {
  const formatted = typeof schema.format === "string" ? FORMATS[schema.format] : undefined;
  if (formatted !== undefined) return formatted;
  const min = typeof schema.minLength === "number" ? schema.minLength : 0;
  const max = typeof schema.maxLength === "number" ? schema.maxLength : Number.POSITIVE_INFINITY;
  return "synthetic".padEnd(min, "x").slice(0, Math.max(min, Math.min(max, Math.max(9, min))));
}

function numberOf(schema: JsonObject, step: number): number {
  const unit = typeof schema.multipleOf === "number" && schema.multipleOf > 0 ? schema.multipleOf : step || 1;
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = schema;
  if (typeof minimum === "number") return Math.ceil(minimum / unit) * unit;
  if (typeof exclusiveMinimum === "number") return (Math.floor(exclusiveMinimum / unit) + 1) * unit;
  if (typeof maximum === "number" && maximum < 0) return Math.floor(maximum / unit) * unit;
  if (typeof exclusiveMaximum === "number" && exclusiveMaximum <= 0)
    return (Math.ceil(exclusiveMaximum / unit) - 1) * unit;
  return 0;
}

function arrayOf(schema: JsonObject, root: JsonValue | undefined, depth: number): JsonValue[] {
  const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  const length = Math.min(typeof schema.minItems === "number" ? schema.minItems : prefix.length, 64);
  return Array.from({ length }, (_, i) => instance(prefix[i] ?? schema.items, root, depth + 1));
}

function objectOf(schema: JsonObject, root: JsonValue | undefined, depth: number): JsonObject {
  const made: JsonObject = {};
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  for (const name of Array.isArray(schema.required) ? schema.required : []) {
    if (typeof name !== "string") continue;
    const value = instance(Object.hasOwn(properties, name) ? properties[name] : undefined, root, depth + 1);
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return made;
}
