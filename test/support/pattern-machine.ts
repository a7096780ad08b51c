import type { PatternCode, Step } from "./pattern-code.ts";

export interface Matched {
  index: number;
  length: number;
}

const CHOICE = -1;
const NO_CHOICE = -1;
const FAILED = -1;

/** Searches by backtracking, as engines of regular expressions do, and counts its steps. */
export class PatternMachine {
  steps = 0;
  readonly #code: PatternCode;
  readonly #unicode: boolean;
  readonly #sticky: boolean;
  #text = "";
  #place = 0;
  /** Places in the text, -1 where nothing was kept. */
  #slots: Int32Array;
  /** In threes: a choice (CHOICE, where to go on, place) or what a slot held (slot, what it held, 0). */
  readonly #stack: number[] = [];

  constructor(code: PatternCode, { unicode, sticky }: Pick<RegExp, "unicode" | "sticky">) {
    this.#code = code;
    this.#unicode = unicode;
    this.#sticky = sticky;
    this.#slots = new Int32Array(code.slots);
  }

  /** The first match from a place on, or null. */
  search(text: string, from: number): Matched | null {
    this.#text = text;
    const start = this.#unicode && this.#low(from) && this.#high(from - 1) ? from - 1 : from;
    for (let index = start; index <= text.length; index += this.#width(index)) {
      this.#slots.fill(-1);
      this.#stack.length = 0;
      const end = this.#run(this.#code.steps, index);
      if (end !== null) return { index, length: end - index };
      if (this.#sticky) return null;
    }
    return null;
  }

  /** Where a match that begins at a place ends; the stack above where it was then holds what it may go back to. */
  #run(steps: readonly Step[], from: number): number | null {
    const base = this.#stack.length;
    let at = 0;
    let place = from;
    for (;;) {
      this.steps++;
      const step = steps[at];
      if (step === undefined) throw new Error("a step that leads nowhere");
      let next = at + 1;
      switch (step.op) {
        case "char": {
          const char = step.back ? this.#before(place) : this.#behind(place);
          if (char === "" || !step.is(char)) next = FAILED;
          else place += step.back ? -char.length : char.length;
          break;
        }
        case "again": {
          const kept = this.#kept(step.group);
          const found = step.back ? place - kept.length : place;
          if (found < 0 || !this.#text.startsWith(kept, found)) next = FAILED;
          else place = step.back ? found : found + kept.length;
          break;
        }
        case "either":
          this.#stack.push(CHOICE, at + step.second, place);
          next = at + step.first;
          break;
        case "go":
          next = at + step.to;
          break;
        case "keep":
          this.#stack.push(step.slot, this.#slots[step.slot] ?? -1, 0);
          this.#slots[step.slot] = place;
          break;
        case "moved":
          if (this.#slots[step.slot] === place) next = FAILED;
          break;
        case "edge":
          if (place !== (step.at === "start" ? 0 : this.#text.length)) next = FAILED;
          break;
        case "look":
          if (!this.#looks(step.steps, step.not, place)) next = FAILED;
          break;
        case "found":
          return place;
      }
      if (next !== FAILED) {
        at = next;
        continue;
      }
      at = this.#back(base);
      if (at === NO_CHOICE) return null;
      place = this.#place;
    }
  }

  /** Back to the last choice above `base`: where it goes on, at `#place`. Without one everything above it is undone. */
  #back(base: number): number {
    while (this.#stack.length > base) {
      const place = this.#stack.pop() ?? 0;
      const at = this.#stack.pop() ?? 0;
      const slot = this.#stack.pop() ?? CHOICE;
      if (slot === CHOICE) {
        this.#place = place;
        return at;
      }
      this.#slots[slot] = at;
    }
    return NO_CHOICE;
  }

  /** What it found is not looked for in another way; what it kept stays, until what stands before is tried otherwise. */
  #looks(steps: readonly Step[], not: boolean, place: number): boolean {
    const base = this.#stack.length;
    const found = this.#run(steps, place) !== null;
    if (found && not) while (this.#back(base) !== NO_CHOICE);
    if (found && !not) {
      const kept: number[] = [];
      for (let i = base; i < this.#stack.length; i += 3)
        if (this.#stack[i] !== CHOICE) kept.push(...this.#stack.slice(i, i + 3));
      this.#stack.length = base;
      this.#stack.push(...kept);
    }
    return found !== not;
  }

  /** A group that took no part is the empty text. */
  #kept(group: number): string {
    const [start = -1, end = -1] = this.#slots.subarray(2 * group, 2 * group + 2);
    return start < 0 || end < 0 ? "" : this.#text.slice(start, end);
  }

  #behind(place: number): string {
    return this.#text.slice(place, place + this.#width(place));
  }

  #before(place: number): string {
    const wide = this.#unicode && this.#low(place - 1) && this.#high(place - 2);
    return this.#text.slice(Math.max(0, place - (wide ? 2 : 1)), place);
  }

  #width(place: number): number {
    return this.#unicode && this.#high(place) && this.#low(place + 1) ? 2 : 1;
  }

  #high(place: number): boolean {
    return (this.#text.charCodeAt(place) & 0xfc00) === 0xd800;
  }

  #low(place: number): boolean {
    return (this.#text.charCodeAt(place) & 0xfc00) === 0xdc00;
  }
}
