import { builtinError, typeError } from "../failure.ts";
import { spendText } from "../meter.ts";
import type { Value } from "../value.ts";
import { array, builtin, type Family, points, string, wrongOperand } from "./operands.ts";
import { matches, pattern } from "./regex.ts";

const escaped = (character: string): string =>
  /^[A-Za-z0-9_ ]$/.test(character) ? character : `\\x{${(character.codePointAt(0) ?? 0).toString(16)}}`;

/** Translates a glob into a regular expression, so that it matches in linear time like one. */
class Translator {
  readonly #glob: string[];
  readonly #one: string;
  #at = 0;
  constructor(glob: string, delimiters: readonly string[]) {
    this.#glob = points(glob);
    this.#one = delimiters.length === 0 ? "." : `[^${delimiters.map(escaped).join("")}]`;
  }

  translate(): string {
    const body = this.#sequence(0);
    if (this.#at < this.#glob.length) throw builtinError("glob: unexpected character");
    return `(?s)^(?:${body})$`;
  }

  #sequence(depth: number): string {
    let result = "";
    for (let character = this.#glob[this.#at]; character !== undefined; character = this.#glob[this.#at]) {
      if (depth > 0 && (character === "," || character === "}")) return result;
      this.#at++;
      result += this.#term(character, depth);
    }
    return result;
  }

  #term(character: string, depth: number): string {
    switch (character) {
      case "*":
        if (this.#glob[this.#at] !== "*") return `${this.#one}*`;
        this.#at++;
        return ".*";
      case "?":
        return this.#one;
      case "[":
        return this.#class();
      case "{":
        return this.#alternatives(depth + 1);
      case "\\":
        return escaped(this.#need());
      default:
        return escaped(character);
    }
  }

  #need(): string {
    const character = this.#glob[this.#at++];
    if (character === undefined) throw builtinError("glob: unexpected end of pattern");
    return character;
  }

  #alternatives(depth: number): string {
    const parts = [this.#sequence(depth)];
    for (let next = this.#need(); next !== "}"; next = this.#need()) parts.push(this.#sequence(depth));
    return `(?:${parts.join("|")})`;
  }

  /** A range `[a-z]` or a list `[abc]`, each may be negated by `!`. */
  #class(): string {
    const negated = this.#glob[this.#at] === "!";
    if (negated) this.#at++;
    const characters: string[] = [];
    for (let character = this.#need(); character !== "]"; character = this.#need()) {
      characters.push(character === "\\" ? this.#need() : character);
    }
    if (characters.length === 0) throw builtinError("glob: empty character class");
    const [from = "", dash, to] = characters;
    const isRange = characters.length === 3 && dash === "-" && to !== undefined;
    if (isRange && (from.codePointAt(0) ?? 0) > (to.codePointAt(0) ?? 0))
      throw builtinError("glob: range is out of order");
    const inner = isRange ? `${escaped(from)}-${escaped(to)}` : characters.map(escaped).join("");
    return `[${negated ? "^" : ""}${inner}]`;
  }
}

function delimitersOf(args: readonly Value[]): string[] {
  const value = args[1];
  if (value === null) return [];
  if (!Array.isArray(value)) throw wrongOperand(1, value, "array", "null");
  const delimiters = array(args, 1).map((delimiter) => {
    if (typeof delimiter !== "string" || points(delimiter).length !== 1)
      throw typeError("operand 2 must be array of single-character strings");
    return delimiter;
  });
  return delimiters.length === 0 ? ["."] : delimiters;
}

function match(args: readonly Value[]): boolean {
  const [glob, delimiters, text] = [string(args, 0), delimitersOf(args), string(args, 2)];
  spendText(glob.length);
  const source = new Translator(glob, delimiters).translate();
  pattern(source);
  return matches(source, text, 1).length > 0;
}

export const GLOB: Family = {
  "glob.match": builtin(3, match),
  "glob.quote_meta": builtin(1, (args) => string(args, 0).replace(/[*?\\[\]{}]/g, "\\$&")),
};
