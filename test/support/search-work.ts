import { compilePattern, type PatternCode } from "./pattern-code.ts";
import { PatternMachine } from "./pattern-machine.ts";

const { exec } = RegExp.prototype;
const codes = new Map<string, PatternCode>();

function codeOf(pattern: RegExp): PatternCode {
  const key = `${pattern.flags}/${pattern.source}`;
  const known = codes.get(key);
  if (known) return known;
  const made = compilePattern(pattern);
  codes.set(key, made);
  return made;
}

/** Every search of `work`, which must be synchronous, is told, with where it began and what it found. */
function searches(
  work: () => void,
  told: (pattern: RegExp, text: string, from: number, found: RegExpExecArray | null) => void,
): void {
  const counted = function (this: RegExp, text: string): RegExpExecArray | null {
    const from = this.global || this.sticky ? this.lastIndex : 0;
    const found = exec.call(this, text);
    // What counts may search too.
    RegExp.prototype.exec = exec;
    told(this, text, from, found);
    RegExp.prototype.exec = counted;
    return found;
  };
  RegExp.prototype.exec = counted;
  try {
    work();
  } finally {
    RegExp.prototype.exec = exec;
  }
}

/**
 * Steps of a backtracking engine for the searches of `work`: the same on every machine, unlike time. Throws where the
 * machine that counts finds anything else than the engine does.
 */
export function stepsOf(work: () => void): number {
  let steps = 0;
  searches(work, (pattern, text, from, found) => {
    const machine = new PatternMachine(codeOf(pattern), pattern);
    const again = machine.search(text, from);
    steps += machine.steps;
    if (again?.index !== found?.index || again?.length !== found?.[0].length)
      throw new Error(`${pattern} from ${from} of a text of ${text.length}: counted another match than was found`);
  });
  return steps;
}

/** Characters that the searches of `work` passed over: its steps, where each search is linear. */
export function charsSearched(work: () => void): number {
  let chars = 0;
  searches(work, (_pattern, text, from, found) => {
    chars += 1 + (found === null ? text.length : found.index + found[0].length) - from;
  });
  return chars;
}
