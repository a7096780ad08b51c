import { decodeUtf8, encodeUtf8 } from "../utf8.ts";

/** Go's `url.QueryEscape`: unreserved characters stay, a space is a plus, all else is `%XX`. */
export function encodeQuery(text: string): string {
  let result = "";
  for (const byte of encodeUtf8(text)) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9_.~-]/.test(character)) result += character;
    else result += character === " " ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return result;
}

/** Percent decoding; undefined for a broken escape. */
export function decodeQuery(text: string, plusIsSpace = true): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const spaced = plusIsSpace ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  const bytes: number[] = [];
  for (const [part] of spaced.matchAll(/%..|[^%]+/gs)) {
    if (part.startsWith("%")) bytes.push(Number.parseInt(part.slice(1), 16));
    else for (const byte of encodeUtf8(part)) bytes.push(byte);
  }
  return decodeUtf8(Uint8Array.from(bytes));
}

/** The pairs of a query string by name, in order; undefined for a broken escape or a semicolon. */
export function parseQuery(text: string): Map<string, string[]> | undefined {
  const found = new Map<string, string[]>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    if (pair.includes(";")) return undefined;
    const equals = pair.indexOf("=");
    const name = decodeQuery(equals < 0 ? pair : pair.slice(0, equals));
    const value = decodeQuery(equals < 0 ? "" : pair.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    const values = found.get(name);
    if (values === undefined) found.set(name, [value]);
    else values.push(value);
  }
  return found;
}
