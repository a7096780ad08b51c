const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const LETTER_N = 0x6e;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Bytes of a constant, made once at module load. */
export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => encoder.encode(text);

/** Where `needle` first occurs in `raw` at or after `from`, else -1. Candidates are found by the platform's native search. */
export function byteIndexOf(raw: Uint8Array, needle: Uint8Array, from = 0): number {
  const first = needle[0];
  if (first === undefined) return from;
  const last = raw.length - needle.length;
  for (let at = raw.indexOf(first, from); at !== -1 && at <= last; at = raw.indexOf(first, at + 1)) {
    let k = 1;
    while (k < needle.length && raw[at + k] === needle[k]) k++;
    if (k === needle.length) return at;
  }
  return -1;
}

export const byteIncludes = (raw: Uint8Array, needle: Uint8Array): boolean => byteIndexOf(raw, needle) !== -1;

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function skipSpace(raw: Uint8Array, from: number): number {
  let at = from;
  while (isSpace(raw[at])) at++;
  return at;
}

/** A member name that can be looked for in JSON text without parsing it. Names are plain ASCII. */
export interface MemberNeedle {
  name: Uint8Array;
}
export const member = (name: string): MemberNeedle => ({ name: bytesOf(`${name}"`) });

/**
 * Offset of the first byte of the next value of a member, at any depth, else -1. Text inside JSON strings cannot match:
 * its quotes are escaped, and a string that equals the name is not followed by a colon.
 */
export function valueOffset(raw: Uint8Array, needle: MemberNeedle, from = 0): number {
  for (let at = byteIndexOf(raw, needle.name, from); at !== -1; at = byteIndexOf(raw, needle.name, at + 1)) {
    if (raw[at - 1] !== QUOTE || raw[at - 2] === BACKSLASH) continue;
    const colon = skipSpace(raw, at + needle.name.length);
    if (raw[colon] === COLON) return skipSpace(raw, colon + 1);
  }
  return -1;
}

/** Whether a member with another value than `null` stands anywhere in the JSON text. */
export function hasMember(raw: Uint8Array, needle: MemberNeedle): boolean {
  for (let at = valueOffset(raw, needle); at !== -1; at = valueOffset(raw, needle, at)) {
    if (raw[at] !== LETTER_N) return true;
  }
  return false;
}

/** String values of every member of that name, at any depth, in order of appearance; at most `max` are read. */
export function stringMembers(raw: Uint8Array, needle: MemberNeedle, max: number): string[] {
  const found: string[] = [];
  for (let at = valueOffset(raw, needle); at !== -1 && found.length < max; at = valueOffset(raw, needle, at)) {
    if (raw[at] !== QUOTE) continue;
    let end = at + 1;
    while (end < raw.length && raw[end] !== QUOTE) end += raw[end] === BACKSLASH ? 2 : 1;
    if (end < raw.length) found.push(unquote(raw.subarray(at, end + 1)));
  }
  return found;
}

function unquote(quoted: Uint8Array): string {
  const text = decoder.decode(quoted);
  if (!text.includes("\\")) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    // An escape that JSON does not know: the raw text is still a name that matches nothing.
    return text;
  }
}
