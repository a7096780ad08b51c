import { parseFloat64Bit, truncateFloat } from "../big-float.ts";
import { builtinError, typeError } from "../failure.ts";
import { spend, spendText } from "../meter.ts";
import { bigintOf, compareNumbers, numberText, type Value } from "../value.ts";
import {
  array,
  builtin,
  type Family,
  integer,
  isAscii,
  number,
  object,
  points,
  string,
  stringOrStrings,
  strings,
} from "./operands.ts";
import { sprintf } from "./sprintf.ts";

const text2 = (run: (x: string, y: string) => Value) =>
  builtin(2, (args) => {
    const [x, y] = [string(args, 0), string(args, 1)];
    spendText(x.length + y.length);
    return run(x, y);
  });
const text1 = (run: (x: string) => Value) =>
  builtin(1, (args) => {
    const x = string(args, 0);
    spendText(x.length);
    return run(x);
  });

/** Case by single code points, as Go maps it: `ß` stays, `İ` becomes `i`. */
const mapped = (text: string, map: (character: string) => string): string => {
  if (isAscii(text)) return map(text);
  let result = "";
  for (const character of text) {
    const other = map(character);
    result += points(other).length === 1 ? other : character === "\u0130" ? "i" : character;
  }
  return result;
};

const RADIX = [2, 8, 10, 16];

function formatInt(args: readonly Value[]): string {
  const value = number(args, 0);
  const base = RADIX.find((radix) => compareNumbers(radix, number(args, 1)) === 0);
  if (base === undefined) throw typeError("operand 2 must be one of {2, 8, 10, 16}");
  const exact = bigintOf(value) ?? truncateFloat(parseFloat64Bit(numberText(value)));
  spend(1 + Math.floor(numberText(value).length / 16));
  return exact.toString(base);
}

function positions(base: string, search: string, all: boolean): number[] {
  if (search === "") throw builtinError("empty search character");
  const found: number[] = [];
  const ascii = isAscii(base);
  let counted = 0;
  let from = 0;
  for (let at = base.indexOf(search); at >= 0; at = base.indexOf(search, at + 1)) {
    spend(1);
    // Offsets count code points.
    counted += ascii ? at - from : points(base.slice(from, at)).length;
    from = at;
    found.push(counted);
    if (!all) break;
  }
  return found;
}

function substring(args: readonly Value[]): string {
  const [base, start, length] = [string(args, 0), integer(args, 1), integer(args, 2)];
  if (start < 0) throw builtinError("negative offset");
  spendText(base.length);
  const end = length < 0 ? undefined : start + length;
  return isAscii(base) ? base.slice(start, end) : points(base).slice(start, end).join("");
}

const splitText = (text: string, separator: string): string[] =>
  separator === "" ? points(text) : text.split(separator);

function splitN(args: readonly Value[]): Value[] {
  const [text, separator, count] = [string(args, 0), string(args, 1), integer(args, 2)];
  spendText(text.length);
  const parts = splitText(text, separator);
  return count >= 0 ? parts.slice(0, count) : parts.slice(Math.max(parts.length + count, 0));
}

/** Leftmost, without overlap; of several keys that match at one place the first counts. An empty key matches between characters. */
function replaceAll(text: string, pairs: readonly (readonly [string, string])[]): string {
  let result = "";
  let afterEmpty = false;
  for (let at = 0; at <= text.length; ) {
    spend(pairs.length);
    const pair = pairs.find(([key]) => (key !== "" || !afterEmpty) && text.startsWith(key, at));
    if (pair !== undefined) {
      result += pair[1];
      spendText(pair[1].length);
      at += pair[0].length;
      afterEmpty = pair[0] === "";
      continue;
    }
    afterEmpty = false;
    const character = text.codePointAt(at);
    if (character === undefined) break;
    const next = String.fromCodePoint(character);
    result += next;
    at += next.length;
  }
  spendText(result.length);
  return result;
}

function replace(args: readonly Value[]): string {
  const [text, old, by] = [string(args, 0), string(args, 1), string(args, 2)];
  spendText(text.length);
  if (old === "") return replaceAll(text, [[old, by]]);
  const parts = text.split(old);
  spendText(text.length + (parts.length - 1) * by.length);
  return parts.join(by);
}

function replaceN(args: readonly Value[]): string {
  const patterns = object(args, 0);
  const text = string(args, 1);
  const pairs = [...patterns.entries()].map(([key, value]): [string, string] => {
    if (typeof key !== "string") throw typeError("operand 1 non-string key found in pattern object");
    if (typeof value !== "string") throw typeError("operand 1 non-string value found in pattern object");
    return [key, value];
  });
  return replaceAll(text, pairs);
}

const SPACES = "\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const LEADING_SPACE = new RegExp(`^[${SPACES}]+`);
const isSpace = new RegExp(`[${SPACES}]`);

function trimSpace(text: string): string {
  const start = LEADING_SPACE.exec(text)?.[0].length ?? 0;
  let end = text.length;
  while (end > start && isSpace.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

function trim(text: string, cutset: string, left: boolean, right: boolean): string {
  const cut = new Set(cutset);
  const characters = points(text);
  let start = 0;
  let end = characters.length;
  while (left && start < end && cut.has(characters[start] ?? "")) start++;
  while (right && end > start && cut.has(characters[end - 1] ?? "")) end--;
  return characters.slice(start, end).join("");
}

const anyMatch = (match: (text: string, affix: string) => boolean) =>
  builtin(2, (args) => {
    const [texts, affixes] = [stringOrStrings(args, 0), stringOrStrings(args, 1)];
    spend(texts.length * affixes.length);
    return texts.some((text) => affixes.some((affix) => match(text, affix)));
  });

function concat(args: readonly Value[]): string {
  const [separator, parts] = [string(args, 0), strings(args, 1)];
  let length = separator.length * parts.length;
  for (const part of parts) length += part.length;
  spendText(length);
  return parts.join(separator);
}

export const STRINGS: Family = {
  concat: builtin(2, concat),
  contains: text2((text, part) => text.includes(part)),
  startswith: text2((text, prefix) => text.startsWith(prefix)),
  endswith: text2((text, suffix) => text.endsWith(suffix)),
  lower: text1((text) => mapped(text, (part) => part.toLowerCase())),
  upper: text1((text) => mapped(text, (part) => part.toUpperCase())),
  format_int: builtin(2, formatInt),
  indexof: text2((base, search) => positions(base, search, false)[0] ?? -1),
  indexof_n: text2((base, search) => positions(base, search, true)),
  substring: builtin(3, substring),
  split: text2(splitText),
  "strings.split_n": builtin(3, splitN),
  replace: builtin(3, replace),
  "strings.replace_n": builtin(2, replaceN),
  "strings.count": text2((text, part) => (part === "" ? points(text).length + 1 : text.split(part).length - 1)),
  "strings.reverse": text1((text) => points(text).reverse().join("")),
  "strings.any_prefix_match": anyMatch((text, prefix) => text.startsWith(prefix)),
  "strings.any_suffix_match": anyMatch((text, suffix) => text.endsWith(suffix)),
  trim: text2((text, cutset) => trim(text, cutset, true, true)),
  trim_left: text2((text, cutset) => trim(text, cutset, true, false)),
  trim_right: text2((text, cutset) => trim(text, cutset, false, true)),
  trim_prefix: text2((text, prefix) => (text.startsWith(prefix) ? text.slice(prefix.length) : text)),
  trim_suffix: text2((text, suffix) => (text.endsWith(suffix) ? text.slice(0, text.length - suffix.length) : text)),
  trim_space: text1(trimSpace),
  sprintf: builtin(2, (args) => sprintf(string(args, 0), array(args, 1))),
};
