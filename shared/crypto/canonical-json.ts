import type { JsonObject, JsonValue } from "../contracts/json.ts";

/** Printable ASCII without `"` and `\`: its JSON form is the text between quotes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

function text(value: string): string {
  if (value.length < 256 && PLAIN.test(value)) return `"${value}"`;
  if (!value.isWellFormed()) throw new TypeError("canonical JSON: lone surrogate");
  return JSON.stringify(value);
}

function object(value: JsonObject): string {
  const keys = Object.keys(value);
  for (let at = 1; at < keys.length; at++) {
    if ((keys[at - 1] ?? "") > (keys[at] ?? "")) {
      keys.sort();
      break;
    }
  }
  let out = "{";
  for (const key of keys) {
    // safe because: `key` is an own member, so `undefined` is reachable only past the type and is refused below.
    const member = canonicalJson(value[key] as JsonValue);
    out += out.length === 1 ? `${text(key)}:${member}` : `,${text(key)}:${member}`;
  }
  return `${out}}`;
}

/**
 * RFC 8785 (JCS): members sorted by UTF-16 code units, ECMAScript number form, no whitespace; equal values give equal
 * text. Throws `TypeError` on what I-JSON cannot carry: lone surrogates, NaN, infinities, `undefined`, other types.
 * Recursion follows the value's depth, so bound depth when parsing.
 */
export function canonicalJson(value: JsonValue): string {
  switch (typeof value) {
    case "string":
      return text(value);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError("canonical JSON: number is not finite");
      return value === 0 ? "0" : `${value}`;
    case "boolean":
      return value ? "true" : "false";
    case "object": {
      if (value === null) return "null";
      if (!Array.isArray(value)) return object(value);
      let out = "[";
      for (let at = 0; at < value.length; at++) {
        if (at > 0) out += ",";
        // safe because: `at` is inside the array; holes are `undefined` and refused below.
        out += canonicalJson(value[at] as JsonValue);
      }
      return `${out}]`;
    }
    default:
      throw new TypeError(`canonical JSON: ${typeof value} has no JSON form`);
  }
}
