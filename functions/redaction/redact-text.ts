import type { Detector } from "./detector.ts";
import { DETECTORS } from "./detectors.ts";

/** Occurrences by kind. Never content. */
export type Found = Readonly<Record<string, number>>;

/**
 * A replacement can bring to light what its neighbour hid, so text is searched again until nothing is found. Real text
 * needs one more round; text that is still not done after these was made to be so, and is withheld whole.
 */
const ROUNDS_MAX = 4;
const PLACEHOLDER = /^\[[a-z0-9-]{1,32}-\d{1,9}\]$/;
export const isPlaceholder = (text: string): boolean => PLACEHOLDER.test(text);

/**
 * Replaces what detectors find by placeholders such as `[email-1]`. One redactor serves one request: the same value has
 * the same placeholder in all of its texts, so that references between them survive.
 */
export class Redactor {
  readonly detectors: readonly Detector[];
  #found: Record<string, number> = {};
  readonly #numbers = new Map<string, Map<string, number>>();
  #counting = true;

  constructor(detectors: readonly Detector[] = DETECTORS) {
    this.detectors = detectors;
  }

  get found(): Found {
    return { ...this.#found };
  }

  /** Whether a detector of this kind is among those that were chosen. */
  finds(id: string): boolean {
    return this.detectors.some((detector) => detector.id === id);
  }

  /** Runs `work` without counting: it redacts a copy of what was redacted and counted before. */
  again<T>(work: () => T): T {
    const before = this.#counting;
    this.#counting = false;
    try {
      return work();
    } finally {
      this.#counting = before;
    }
  }

  /** The text without findings. Searching the answer again finds nothing. */
  text(text: string): string {
    const rounds = this.#rounds(text, () => false);
    return rounds ?? this.withhold("withheld", text);
  }

  /**
   * The text without findings if it is the same whatever follows; null, and nothing is counted, while `open` says of a
   * detector that its search of the text is not decided yet.
   */
  settled(text: string, open: (detector: Detector, text: string) => boolean): string | null {
    const counted = { ...this.#found };
    const made = this.#rounds(text, open);
    if (made === null) this.#found = counted;
    return made;
  }

  /** The placeholder for a value that goes whatever it holds. */
  withhold(id: string, value: string): string {
    let numbers = this.#numbers.get(id);
    if (!numbers) {
      numbers = new Map();
      this.#numbers.set(id, numbers);
    }
    let number = numbers.get(value);
    if (number === undefined) {
      number = numbers.size + 1;
      numbers.set(value, number);
    }
    if (this.#counting) this.#found[id] = (this.#found[id] ?? 0) + 1;
    return `[${id}-${number}]`;
  }

  /** Null when a search is open, or when the text is never done. */
  #rounds(text: string, open: (detector: Detector, text: string) => boolean): string | null {
    let current = text;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const before = current;
      for (const detector of this.detectors) {
        if (open(detector, current)) return null;
        current = this.#apply(detector, current);
      }
      if (current === before) return current;
    }
    return null;
  }

  #apply({ id, pattern, length }: Detector, text: string): string {
    let made = "";
    let kept = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const [whole] = match;
      const end = match.index + (length ? length(whole, text.charAt(match.index + whole.length)) : whole.length);
      if (end === match.index) {
        pattern.lastIndex = match.index + 1;
        continue;
      }
      made += text.slice(kept, match.index) + this.withhold(id, text.slice(match.index, end));
      kept = end;
      pattern.lastIndex = end;
    }
    return kept === 0 ? text : made + text.slice(kept);
  }
}

/** One text on its own. Total and pure: the same text gives the same answer. */
export function redactText(text: string, detectors: readonly Detector[] = DETECTORS): { text: string; found: Found } {
  const redactor = new Redactor(detectors);
  return { text: redactor.text(text), found: redactor.found };
}
