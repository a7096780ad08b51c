import { LIMITS } from "../../shared/contracts/limits.ts";
import { mayContinue } from "./may-continue.ts";
import type { Redactor } from "./redact-text.ts";

/**
 * Where a text may be cut: behind a character that is no part of a word or number and that no detector's lookbehind
 * asks about. Never inside a surrogate pair.
 */
const BORDER = /[\s!"#$&'()*/;<=>?@[\\\]^`{|}\u3001\u3002\u3008-\u3011\uff01\uff0c\uff1b\uff1f]/g;
/** Of what is held, the beginning tells what it is and the end whether it goes on. */
const HEAD_CHARS = LIMITS.redactionHoldCharsMax / 2;
const TAIL_CHARS = LIMITS.redactionHoldCharsMax / 4;
/** Between two looks at a long text; also how much is withheld at most behind a find that was too long. */
const GAP_CHARS_MAX = 256;

/**
 * Redacts a text that arrives in pieces. What comes out, joined, depends on the text alone and never on where it was
 * cut, and holds nothing that the detectors find. Only as much is held back as a detector could still need; a find
 * longer than `LIMITS.redactionHoldCharsMax` is withheld whole, with what stands beside it, and memory stays bounded.
 */
export class TextStream {
  readonly #redactor: Redactor;
  #held = "";
  /** The middle of what is held was dropped: it goes out as one placeholder. */
  #cut = false;
  /** Where in `#held` the next border is looked for. */
  #next = 0;

  constructor(redactor: Redactor) {
    this.#redactor = redactor;
  }

  /** What may be shown by now. */
  push(text: string): string {
    let made = "";
    for (let at = 0; at < text.length; ) {
      const piece = text.slice(at, at + LIMITS.redactionHoldCharsMax - this.#held.length);
      at += piece.length;
      this.#held += piece;
      made += this.#settled();
      if (this.#held.length === LIMITS.redactionHoldCharsMax) this.#drop();
    }
    return made;
  }

  /** The rest: nothing follows. */
  end(): string {
    const rest = this.#held;
    this.#held = "";
    this.#next = 0;
    return rest === "" ? "" : this.#redacted(rest);
  }

  #settled(): string {
    let made = "";
    BORDER.lastIndex = this.#next;
    for (let border = BORDER.exec(this.#held); border !== null; border = BORDER.exec(this.#held)) {
      const end = border.index + 1;
      const settled = this.#look(this.#held.slice(0, end));
      if (settled === null) {
        // The longer the text, the rarer it is looked at: all looks together stay linear.
        this.#next = end + Math.min(end >> 3, GAP_CHARS_MAX);
      } else {
        made += this.#cut ? this.#redacted(this.#held.slice(0, end)) : settled;
        this.#held = this.#held.slice(end);
        this.#next = 0;
      }
      BORDER.lastIndex = this.#next;
    }
    // Borders before here are looked at no more; the next piece begins behind them.
    this.#next = Math.max(this.#next, this.#held.length);
    return made;
  }

  /** The text as it goes out, null while it is not settled; what goes as one placeholder is counted as one. */
  #look(text: string): string | null {
    const settle = () => this.#redactor.settled(text, mayContinue);
    return this.#cut ? this.#redactor.again(settle) : settle();
  }

  #redacted(text: string): string {
    if (!this.#cut) return this.#redactor.text(text);
    this.#cut = false;
    return this.#redactor.withhold("withheld", text);
  }

  #drop(): void {
    this.#cut = true;
    this.#held = this.#held.slice(0, HEAD_CHARS) + this.#held.slice(-TAIL_CHARS);
    this.#next = this.#held.length;
  }
}

/** A whole text, exactly as a stream of it is redacted. */
export function redactWhole(redactor: Redactor, text: string): string {
  const stream = new TextStream(redactor);
  return stream.push(text) + stream.end();
}
