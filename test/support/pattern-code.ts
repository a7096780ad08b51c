/** One step of a backtracking search. `back` steps read what stands before the place they are at. */
export type Step =
  | { op: "char"; is: (char: string) => boolean; back: boolean }
  | { op: "again"; group: number; back: boolean }
  | { op: "either"; first: number; second: number }
  | { op: "go"; to: number }
  | { op: "keep"; slot: number }
  /** Fails where nothing was read since the slot was kept: a loop ends. */
  | { op: "moved"; slot: number }
  | { op: "edge"; at: "start" | "end" }
  | { op: "look"; steps: readonly Step[]; not: boolean }
  | { op: "found" };

export interface PatternCode {
  steps: readonly Step[];
  slots: number;
}

const ATOM = /\\p\{[A-Za-z_=]+\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\.|\[(?:\\.|[^\]\\])*\]|[^()|?*+{}[\]\\^$]/suy;
const QUANTIFIER = /(?:([?*+])|\{(\d+)(,?)(\d*)\})(\??)/y;
const OPENINGS = ["(?<=", "(?<!", "(?=", "(?!", "(?:", "("] as const;

/**
 * A regular expression as the steps that a backtracking engine takes. Knows the syntax of this project's detectors and of
 * what is made of them; throws on any other.
 */
export function compilePattern(pattern: RegExp): PatternCode {
  const compiler = new Compiler(pattern);
  const steps = compiler.whole();
  return { steps, slots: compiler.slots };
}

class Compiler {
  readonly #source: string;
  readonly #flags: string;
  readonly #sets = new Map<string, (char: string) => boolean>();
  #at = 0;
  #group = 0;
  /** Two a group, those of groups first, then one a loop. */
  slots: number;

  constructor(pattern: RegExp) {
    this.#source = pattern.source;
    this.#flags = pattern.flags.replace(/[gyd]/g, "");
    this.slots = 2 * (1 + (pattern.source.match(/(?<!\\)\((?!\?)/g)?.length ?? 0));
  }

  whole(): Step[] {
    const steps = this.#alternatives(false);
    if (this.#at !== this.#source.length) throw new Error(`unbalanced pattern: ${this.#source}`);
    return [...steps, { op: "found" }];
  }

  #alternatives(back: boolean): Step[] {
    let steps = this.#sequence(back);
    while (this.#take("|")) {
      const other = this.#sequence(back);
      steps = [
        { op: "either", first: 1, second: steps.length + 2 },
        ...steps,
        { op: "go", to: other.length + 1 },
        ...other,
      ];
    }
    return steps;
  }

  #sequence(back: boolean): Step[] {
    const terms: Step[][] = [];
    while (this.#at < this.#source.length && !"|)".includes(this.#source[this.#at] ?? "")) terms.push(this.#term(back));
    return (back ? terms.reverse() : terms).flat();
  }

  #term(back: boolean): Step[] {
    if (this.#take("$")) return [{ op: "edge", at: "end" }];
    if (this.#take("^")) return [{ op: "edge", at: "start" }];
    const opening = OPENINGS.find((each) => this.#take(each));
    if (opening === undefined) return this.#repeated(() => this.#atom(back));
    if (opening === "(?:") return this.#repeated(() => this.#closed(back));
    if (opening === "(") {
      const slot = 2 * ++this.#group;
      const [before, behind] = back ? [slot + 1, slot] : [slot, slot + 1];
      return this.#repeated(() => [{ op: "keep", slot: before }, ...this.#closed(back), { op: "keep", slot: behind }]);
    }
    const steps: Step[] = [...this.#closed(opening.startsWith("(?<")), { op: "found" }];
    return [{ op: "look", steps, not: opening.endsWith("!") }];
  }

  #closed(back: boolean): Step[] {
    const steps = this.#alternatives(back);
    if (!this.#take(")")) throw new Error(`unbalanced pattern: ${this.#source}`);
    return steps;
  }

  #atom(back: boolean): Step[] {
    ATOM.lastIndex = this.#at;
    const [atom] = ATOM.exec(this.#source) ?? [];
    if (atom === undefined || /^\\[bBk]/.test(atom))
      throw new Error(`unknown syntax at ${this.#at} of ${this.#source}`);
    this.#at += atom.length;
    const group = /^\\([1-9])$/.exec(atom)?.[1];
    return [
      group === undefined ? { op: "char", is: this.#set(atom), back } : { op: "again", group: Number(group), back },
    ];
  }

  /** `body` once and as often again as the quantifier behind it says. */
  #repeated(body: () => Step[]): Step[] {
    const once = body();
    QUANTIFIER.lastIndex = this.#at;
    const found = QUANTIFIER.exec(this.#source);
    if (found === null) return once;
    this.#at += found[0].length;
    const [, sign, least = "", comma, most = "", lazy] = found;
    const min = sign === undefined ? Number(least) : sign === "+" ? 1 : 0;
    const max =
      sign === "?"
        ? 1
        : sign === undefined && comma === ""
          ? min
          : most === ""
            ? Number.POSITIVE_INFINITY
            : Number(most);
    const needed = Array.from({ length: min }, () => once).flat();
    if (max === Number.POSITIVE_INFINITY) return [...needed, ...this.#loop(once, lazy === "?")];
    return [...needed, ...this.#upTo(once, max - min, lazy === "?")];
  }

  #upTo(once: Step[], times: number, lazy: boolean): Step[] {
    const steps: Step[] = [];
    for (let left = times; left > 0; left--) {
      const out = left * (once.length + 1);
      steps.push({ op: "either", first: lazy ? out : 1, second: lazy ? 1 : out }, ...once);
    }
    return steps;
  }

  #loop(once: Step[], lazy: boolean): Step[] {
    const slot = this.slots++;
    const out = once.length + 4;
    return [
      { op: "either", first: lazy ? out : 1, second: lazy ? 1 : out },
      { op: "keep", slot },
      ...once,
      { op: "moved", slot },
      { op: "go", to: -(once.length + 3) },
    ];
  }

  /** What V8 itself says of one character, remembered. */
  #set(atom: string): (char: string) => boolean {
    const known = this.#sets.get(atom);
    if (known) return known;
    const alone = new RegExp(`^(?:${atom})$`, this.#flags);
    const answers = new Map<string, boolean>();
    const is = (char: string): boolean => {
      let answer = answers.get(char);
      if (answer === undefined) {
        answer = alone.test(char);
        answers.set(char, answer);
      }
      return answer;
    };
    this.#sets.set(atom, is);
    return is;
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}
