import { isNumber, numberText, OObject, OSet, type Value } from "../engine/value.ts";

/**
 * The text whose digest OPA takes for a structured file: no spaces, members sorted by their UTF-8 bytes, numbers as they
 * were written, strings as Go's `encoding/json` writes them without escaping HTML.
 */
export function structuredText(value: Value): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return goString(value);
  if (isNumber(value)) return numberText(value);
  if (Array.isArray(value)) return `[${value.map(structuredText).join(",")}]`;
  if (value instanceof OObject) return `{${members(value).join(",")}}`;
  throw new TypeError(value instanceof OSet ? "JSON has no sets" : "not a value");
}

function members(object: OObject): string[] {
  const texts: string[] = [];
  for (const [key, value] of object.entries())
    texts.push(`${goString(typeof key === "string" ? key : structuredText(key))}:${structuredText(value)}`);
  return texts;
}

const goString = (text: string): string =>
  JSON.stringify(text).replace(/[\u2028\u2029]/g, (character) => (character === "\u2028" ? "\\u2028" : "\\u2029"));
