import { RE2JS } from "re2js";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { builtinError } from "../failure.ts";
import { spend, spendText } from "../meter.ts";
import { encodeUtf8 } from "../utf8.ts";
import type { Value } from "../value.ts";
import { globsIntersect } from "./globs-intersect.ts";
import { builtin, type Family, integer, string } from "./operands.ts";

const kept = new Map<string, RE2JS>();

/** A compiled pattern in RE2's syntax, which matches in linear time; the latest ones are kept. */
export function pattern(source: string): RE2JS {
  if (source.length > LIMITS.policyPatternCharsMax) throw builtinError("regular expression is too long");
  const known = kept.get(source);
  if (known !== undefined) return known;
  spend(source.length * 8);
  const compiled = compiledOrUndefined(source);
  if (compiled === undefined) throw builtinError("error parsing regexp");
  if (kept.size >= LIMITS.policyPatternsKeptMax) kept.delete(kept.keys().next().value ?? "");
  kept.set(source, compiled);
  return compiled;
}

function compiledOrUndefined(source: string): RE2JS | undefined {
  try {
    return RE2JS.compile(source);
  } catch {
    // The library has one error for every fault of a pattern, and no other.
    return undefined;
  }
}

/** Matching costs about a step a character of text, more for long patterns. */
function spendMatch(text: string, source: string): void {
  spendText(text.length);
  spend(Math.ceil((text.length * (8 + source.length)) / 32));
}

export interface Match {
  start: number;
  end: number;
  groups: (string | undefined)[];
}

/** Matches from left to right as Go finds them: an empty one right behind another does not count. */
export function matches(source: string, text: string, count: number): Match[] {
  spendMatch(text, source);
  const matcher = pattern(source).matcher(text);
  const found: Match[] = [];
  let last = -1;
  while ((count < 0 || found.length < count) && matcher.find()) {
    const [start, end] = [matcher.start(), matcher.end()];
    if (start === end && start === last) continue;
    last = end;
    spend(1);
    const groups: (string | undefined)[] = [];
    for (let group = 0; group <= matcher.groupCount(); group++) groups.push(matcher.group(group) ?? undefined);
    found.push({ start, end, groups });
  }
  return found;
}

function isMatch(source: string, text: string): boolean {
  spendMatch(text, source);
  return pattern(source).matcher(text).find();
}

function split(source: string, text: string): string[] {
  if (source !== "" && text === "") return [""];
  const parts: string[] = [];
  let from = 0;
  let end = 0;
  for (const match of matches(source, text, -1)) {
    end = match.start;
    if (match.end !== 0) parts.push(text.slice(from, end));
    from = match.end;
  }
  if (end !== text.length) parts.push(text.slice(from));
  return parts;
}

/** `$1`, `${1}` and `${name}` in a replacement; what names no group is empty, a lone dollar stays. */
function expand(template: string, match: Match, names: Record<string, number>): string {
  return template.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    if (whole === "$$") return "$";
    const name = braced ?? bare ?? "";
    const group = /^\d+$/.test(name) ? Number(name) : Object.hasOwn(names, name) ? names[name] : undefined;
    return group === undefined ? "" : (match.groups[group] ?? "");
  });
}

function replace(args: readonly Value[]): string {
  const [text, source, template] = [string(args, 0), string(args, 1), string(args, 2)];
  const names = pattern(source).namedGroups();
  let result = "";
  let from = 0;
  for (const match of matches(source, text, -1)) {
    result += text.slice(from, match.start) + expand(template, match, names);
    spendText(result.length >> 6);
    from = match.end;
  }
  return result + text.slice(from);
}

/** Literal text with regular expressions between delimiters, which may nest. */
function templatePattern(template: string, open: string, close: string): string {
  let [level, from, start] = [0, 0, 0];
  let result = "^";
  for (let at = 0; at < template.length; at++) {
    const character = template[at];
    if (character === open) {
      if (++level === 1) start = at;
    } else if (character === close) {
      level--;
      if (level < 0) throw builtinError("unbalanced braces in template");
      if (level > 0) continue;
      const inner = template.slice(start + 1, at);
      pattern(`^${inner}$`);
      result += `${quoteMeta(template.slice(from, start))}(${inner})`;
      from = at + 1;
    }
  }
  if (level !== 0) throw builtinError("unbalanced braces in template");
  return `${result}${quoteMeta(template.slice(from))}$`;
}

const quoteMeta = (text: string): string => text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");

function templateMatch(args: readonly Value[]): boolean {
  const [template, text, open, close] = [string(args, 0), string(args, 1), string(args, 2), string(args, 3)];
  if (encodeUtf8(open).length !== 1 || encodeUtf8(close).length !== 1)
    throw builtinError("delimiters have to be exactly one character long");
  return isMatch(templatePattern(template, open, close), text);
}

export const REGEX: Family = {
  "regex.is_valid": builtin(1, ([value]) => {
    if (typeof value !== "string") return false;
    spendText(value.length);
    return value.length <= LIMITS.policyPatternCharsMax && compiledOrUndefined(value) !== undefined;
  }),
  "regex.match": builtin(2, (args) => isMatch(string(args, 0), string(args, 1))),
  re_match: builtin(2, (args) => isMatch(string(args, 0), string(args, 1))),
  "regex.split": builtin(2, (args) => split(string(args, 0), string(args, 1))),
  "regex.find_n": builtin(3, (args) =>
    matches(string(args, 0), string(args, 1), integer(args, 2)).map(({ groups }) => groups[0] ?? ""),
  ),
  "regex.find_all_string_submatch_n": builtin(3, (args) =>
    matches(string(args, 0), string(args, 1), integer(args, 2)).map(({ groups }) => groups.map((group) => group ?? "")),
  ),
  "regex.replace": builtin(3, replace),
  "regex.template_match": builtin(4, templateMatch),
  "regex.globs_match": builtin(2, (args) => globsIntersect(string(args, 0), string(args, 1))),
};
