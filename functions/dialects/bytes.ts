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

/** Offset of the value when the member's name starts right after the quote at `quote`, else -1. */
function valueAfter(raw: Uint8Array, needle: MemberNeedle, quote: number): number {
  const { name } = needle;
  let k = 0;
  while (k < name.length && raw[quote + 1 + k] === name[k]) k++;
  if (k < name.length) return -1;
  const colon = skipSpace(raw, quote + 1 + k);
  return raw[colon] === COLON ? skipSpace(raw, colon + 1) : -1;
}

/** Members looked for together: the first letter of a name picks its needle, so no two may share it. */
export interface MemberSet {
  needles: readonly MemberNeedle[];
  /** By letter: 1 + index of the needle, 0 for none. */
  byLetter: Uint8Array;
}
export function memberSet(names: readonly string[]): MemberSet {
  const byLetter = new Uint8Array(256);
  for (const [i, name] of names.entries()) {
    const letter = name.charCodeAt(0);
    if (byLetter[letter] !== 0) throw new Error(`two members begin like ${name}`);
    byLetter[letter] = i + 1;
  }
  return { needles: names.map(member), byLetter };
}

/**
 * Whether one of the members stands anywhere in the JSON text with another value than `null`. One pass in plain code:
 * frames are a few hundred bytes, where it beats a native search per name.
 */
export function hasAnyMember(raw: Uint8Array, { needles, byLetter }: MemberSet): boolean {
  const last = raw.length - 1;
  for (let at = 0; at < last; at++) {
    if (raw[at] !== QUOTE) continue;
    const picked = byLetter[raw[at + 1] ?? 0] ?? 0;
    if (picked === 0 || raw[at - 1] === BACKSLASH) continue;
    const needle = needles[picked - 1];
    const value = needle === undefined ? -1 : valueAfter(raw, needle, at);
    if (value !== -1 && raw[value] !== LETTER_N) return true;
  }
  return false;
}

/** Whether a member with another value than `null` stands anywhere in the JSON text; for texts of any size. */
export function hasMember(raw: Uint8Array, needle: MemberNeedle): boolean {
  for (let at = valueOffset(raw, needle); at !== -1; at = valueOffset(raw, needle, at)) {
    if (raw[at] !== LETTER_N) return true;
  }
  return false;
}

/** Whether a member stands anywhere in the JSON text with one of the quoted values. */
export function memberIsAny(raw: Uint8Array, needle: MemberNeedle, quoted: readonly Uint8Array[]): boolean {
  for (let at = 0; at < raw.length; at++) {
    if (raw[at] !== QUOTE || raw[at + 1] !== needle.name[0] || raw[at - 1] === BACKSLASH) continue;
    const value = valueAfter(raw, needle, at);
    if (value !== -1 && quoted.some((text) => startsWith(raw, value, text))) return true;
  }
  return false;
}

function startsWith(raw: Uint8Array, at: number, text: Uint8Array): boolean {
  let k = 0;
  while (k < text.length && raw[at + k] === text[k]) k++;
  return k === text.length;
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
