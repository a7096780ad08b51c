import { spend } from "./meter.ts";
import { Num, numberText, OObject, OSet, type Value } from "./value.ts";

const NAMED: Record<string, string> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** A Go string literal: what is not printable is escaped. */
export function quoted(text: string, asciiOnly = false): string {
  let result = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const named = NAMED[character];
    if (named !== undefined) result += named;
    else if (code >= 0xdc80 && code <= 0xdcff) result += `\\x${(code - 0xdc00).toString(16)}`;
    else if (code < 0x7f ? code >= 0x20 : !asciiOnly && PRINTABLE.test(character)) result += character;
    else if (code < 0x80) result += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code < 0x10000) result += `\\u${code.toString(16).padStart(4, "0")}`;
    else result += `\\U${code.toString(16).padStart(8, "0")}`;
  }
  return `${result}"`;
}

/** The value in Rego's own syntax. */
export function regoText(value: Value): string {
  spend(1);
  if (value === null) return "null";
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number" || value instanceof Num) return numberText(value);
  if (Array.isArray(value)) return `[${value.map(regoText).join(", ")}]`;
  if (value instanceof OSet) return value.size === 0 ? "set()" : `{${value.sorted().map(regoText).join(", ")}}`;
  if (value instanceof OObject) {
    const members: string[] = [];
    for (const [key, member] of value.entries()) members.push(`${regoText(key)}: ${regoText(member)}`);
    return `{${members.join(", ")}}`;
  }
  return "";
}
