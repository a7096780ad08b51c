import fc from "fast-check";

/** What JSON Schema of the OpenAPI document uses (2020-12 subset). */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
}

export type Schemas = Readonly<Record<string, Schema>>;

/** Deeper values are not made: what is recursive ends here. */
const DEPTH_MAX = 5;
const ITEMS_MAX = 3;
const CHARS_MAX = 40;

const text = fc.oneof(
  fc.string({ maxLength: CHARS_MAX }),
  fc.string({ unit: "grapheme", maxLength: CHARS_MAX }),
  fc.constantFrom("", "0", "null", "../..", "%00", "__proto__", "' or 1=1", "<script>", "\u202e", "\u0000"),
);

/** Any JSON value that clients send by mistake or on purpose. */
const anything = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(Number.MAX_SAFE_INTEGER, -1, 1e308, 0.1, "", [], {}, null, true) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "x".repeat(70_000),
      Array.from({ length: 2_000 }, () => 0),
    ),
  },
);

/** Values that a schema allows, as far as it says. */
export function allowed(schema: Schema, schemas: Schemas, depth = 0): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) {
    const named = schemas[schema.$ref.split("/").at(-1) ?? ""];
    if (named === undefined) throw new Error(`${schema.$ref} is not in the document`);
    return allowed(named, schemas, depth);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return fc.oneof(...choices.map((choice) => allowed(choice, schemas, depth)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 1) return fc.oneof(...types.map((type) => allowed({ ...schema, type }, schemas, depth)));
  switch (types[0]) {
    case "object":
      return ofObject(schema, schemas, depth);
    case "array":
      return fc.array(allowed(schema.items ?? {}, schemas, depth + 1), {
        minLength: Math.min(schema.minItems ?? 0, ITEMS_MAX),
        maxLength: depth > DEPTH_MAX ? Math.min(schema.minItems ?? 0, ITEMS_MAX) : ITEMS_MAX,
      });
    case "integer":
    case "number":
      return ofNumber(schema, types[0] === "integer");
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "string":
      return ofText(schema);
    default:
      return fc.jsonValue({ maxDepth: 1 });
  }
}

function ofObject(schema: Schema, schemas: Schemas, depth: number): fc.Arbitrary<unknown> {
  const required = new Set(schema.required ?? []);
  const members = Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name) || depth <= DEPTH_MAX);
  const own = fc.record(Object.fromEntries(members.map(([name, of]) => [name, allowed(of, schemas, depth + 1)])), {
    requiredKeys: members.map(([name]) => name).filter((name) => required.has(name)),
  });
  const more = schema.additionalProperties;
  if (typeof more !== "object" || depth > DEPTH_MAX) return own;
  return fc
    .tuple(own, fc.dictionary(fc.string({ maxLength: 8 }), allowed(more, schemas, depth + 1), { maxKeys: 2 }))
    .map(([known, free]) => ({ ...free, ...known }));
}

function ofNumber({ minimum, maximum }: Schema, whole: boolean): fc.Arbitrary<number> {
  const min = minimum ?? -1_000;
  const max = Math.max(min, maximum ?? 1_000_000);
  return whole ? fc.integer({ min: Math.ceil(min), max: Math.floor(max) }) : fc.double({ min, max, noNaN: true });
}

function ofText({ pattern, minLength = 0, maxLength = CHARS_MAX }: Schema): fc.Arbitrary<string> {
  const free = fc.string({ minLength: Math.min(minLength, CHARS_MAX), maxLength: Math.min(maxLength, CHARS_MAX) });
  if (pattern === undefined) return fc.oneof(free, text);
  try {
    return fc.oneof({ weight: 4, arbitrary: fc.stringMatching(new RegExp(pattern)) }, { weight: 1, arbitrary: free });
  } catch {
    // A pattern that the generator cannot read is still a text.
    return free;
  }
}

/** A value that was allowed, and then harmed in one place. */
export const harmed = (value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(value, fc.nat(), fc.nat(), anything).map(([from, at, how, other]) => harm(from, at, how, other));

function harm(value: unknown, at: number, how: number, other: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return other;
  const entries = Object.entries(value);
  const chosen = entries[at % Math.max(1, entries.length)];
  if (chosen === undefined) return { unknown: other };
  const [name, member] = chosen;
  const rest = entries.filter(([key]) => key !== name);
  switch (how % 4) {
    case 0:
      return Object.fromEntries(rest);
    case 1:
      return Object.fromEntries([...rest, [name, other]]);
    case 2:
      return Object.fromEntries([...entries, ["unknown_member", other]]);
    default:
      return Object.fromEntries([...rest, [name, harm(member, Math.floor(at / 7), Math.floor(how / 4), other)]]);
  }
}
