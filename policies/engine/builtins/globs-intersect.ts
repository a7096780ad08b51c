import { builtinError } from "../failure.ts";
import { spend } from "../meter.ts";
import { points } from "./operands.ts";

/** One character's worth of a glob-like pattern: which characters it takes (undefined: any) and how often. */
interface Token {
  characters: ReadonlySet<string> | undefined;
  flag: "" | "+" | "*";
}

const RANGE_MAX = 4_096;

class Tokens {
  readonly #input: string[];
  #at = 0;
  constructor(text: string) {
    this.#input = points(text);
  }
  all(): Token[] {
    const tokens: Token[] = [];
    while (this.#at < this.#input.length) tokens.push(this.#token());
    return tokens;
  }
  #next(): { character: string; escaped: boolean } {
    const character = this.#input[this.#at++];
    if (character === undefined) throw builtinError("pattern ends too early");
    if (character !== "\\") return { character, escaped: false };
    const literal = this.#input[this.#at++];
    if (literal === undefined) throw builtinError("pattern ends with an escape character");
    return { character: literal, escaped: true };
  }
  #token(): Token {
    const { character, escaped } = this.#next();
    let characters: ReadonlySet<string> | undefined = new Set([character]);
    if (!escaped) {
      if (character === ".") characters = undefined;
      else if (character === "[") characters = this.#class();
      else if ("]+*".includes(character)) throw builtinError(`'${character}' is misplaced in pattern`);
    }
    const flag = this.#input[this.#at];
    if (flag !== "+" && flag !== "*") return { characters, flag: "" };
    this.#at++;
    return { characters, flag };
  }
  #class(): ReadonlySet<string> {
    const characters = new Set<string>();
    let before: string | undefined;
    for (;;) {
      const { character, escaped } = this.#next();
      if (!escaped && character === "]") return characters;
      if (escaped || character !== "-") {
        characters.add(character);
        before = character;
        continue;
      }
      const last = this.#next();
      if (before === undefined || (!last.escaped && "]-".includes(last.character)))
        throw builtinError("range is incomplete");
      this.#range(before, last.character, characters);
      before = undefined;
    }
  }
  #range(first: string, last: string, into: Set<string>): void {
    const [from, to] = [first.codePointAt(0) ?? 0, last.codePointAt(0) ?? 0];
    if (to < from) throw builtinError("range is out of order");
    if (to - from > RANGE_MAX) throw builtinError("range is too large");
    spend(to - from);
    for (let code = from; code <= to; code++) into.add(String.fromCodePoint(code));
  }
}

const meet = (a: Token, b: Token): boolean => {
  const [left, right] = [a.characters, b.characters];
  if (left === undefined) return right === undefined || right.size > 0;
  return right === undefined ? left.size > 0 : [...left].some((character) => right.has(character));
};

/** Whether some text matches both patterns (characters, `.`, `[a-z]`, each with `*` or `+`): a walk over pairs of positions. */
export function globsIntersect(a: string, b: string): boolean {
  const [left, right] = [new Tokens(a).all(), new Tokens(b).all()];
  spend((left.length + 1) * (right.length + 1));
  const seen = new Set<number>();
  const pending: [number, number][] = [[0, 0]];
  const visit = (i: number, j: number): void => {
    const key = i * (right.length + 1) + j;
    if (seen.has(key)) return;
    seen.add(key);
    pending.push([i, j]);
  };
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const [i, j] = state;
    const [x, y] = [left[i], right[j]];
    if (x === undefined && y === undefined) return true;
    // A starred token may take nothing.
    if (x?.flag === "*") visit(i + 1, j);
    if (y?.flag === "*") visit(i, j + 1);
    if (x === undefined || y === undefined || !meet(x, y)) continue;
    // Both take one character; a repeated token may go on.
    for (const nextI of x.flag === "" ? [i + 1] : [i, i + 1])
      for (const nextJ of y.flag === "" ? [j + 1] : [j, j + 1]) visit(nextI, nextJ);
  }
  return false;
}
