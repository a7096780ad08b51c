/** Consumes what is left: whoever takes this way reaches the end of the text. */
const TO_END = "[\\s\\S]*(?![\\s\\S])";

/**
 * The pattern that matches wherever `pattern` matches, and also wherever more text could still make it match; such a
 * match always reaches the end of the text, where it may also be empty. A match that ends before it is exactly the one that `pattern` finds there,
 * whatever follows. Knows the syntax that detectors use; throws on any other.
 */
export const partialPattern = (pattern: RegExp): RegExp =>
  new RegExp(new Reader(pattern.source).whole(), pattern.flags);

/**
 * Patterns for what stands before a match: a text that ends inside one of them may be followed by a match. One per
 * positive lookbehind, in the form of `partialPattern`.
 */
export function leadPatterns(pattern: RegExp): RegExp[] {
  const reader = new Reader(pattern.source);
  reader.whole();
  return reader.leads.map((source) => new RegExp(new Reader(source).whole(), pattern.flags));
}

/** Quantifiers by which an atom may also be absent. */
const OPTIONAL = /^(?:\?|\*|\{0,?\d*\})/;
const QUANTIFIER = /(?:[?*+]|\{\d+(?:,\d*)?\})\??/y;
const ATOM = /\\p\{[A-Za-z_=]+\}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\.|\[(?:\\.|[^\]\\])*\]|[^()|?*+{}[\]\\^$]/suy;

class Reader {
  readonly leads: string[] = [];
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): string {
    const made = this.#alternatives();
    if (this.#at !== this.#source.length) throw new Error(`unbalanced pattern: ${this.#source}`);
    return made;
  }

  #alternatives(): string {
    let made = "";
    while (this.#at < this.#source.length && this.#source[this.#at] !== ")") {
      if (this.#source[this.#at] === "|") {
        made += "|";
        this.#at++;
      } else made += this.#term();
    }
    return made;
  }

  #term(): string {
    if (this.#take("$")) return "$";
    if (this.#take("(?<=") || this.#take("(?<!")) return this.#behind();
    if (this.#take("(?=")) return this.#ahead((sure, maybe) => `(?:(?=${sure})|(?!${sure})(?=${maybe})${TO_END})`);
    if (this.#take("(?!")) return this.#ahead((sure, maybe) => `(?:(?!${maybe})|(?=${maybe})(?!${sure})${TO_END})`);
    if (this.#take("(?:")) return `(?:${this.#group()})${this.#quantifier()}`;
    if (this.#take("(")) return `(${this.#group()})${this.#quantifier()}`;
    ATOM.lastIndex = this.#at;
    const [atom] = ATOM.exec(this.#source) ?? [];
    if (atom === undefined) throw new Error(`unknown syntax at ${this.#at} of ${this.#source}`);
    this.#at += atom.length;
    const quantifier = this.#quantifier();
    if (OPTIONAL.test(quantifier)) return atom + quantifier;
    return quantifier === "+" ? `(?:${atom}+|$)` : `(?:${atom}|$)${quantifier}`;
  }

  /** What is behind is known already: it stays as it is. */
  #behind(): string {
    const kind = this.#source.slice(this.#at - 4, this.#at);
    const start = this.#at;
    const inner = new Reader(this.#source.slice(start));
    inner.#alternatives();
    const source = this.#source.slice(start, start + inner.#at);
    this.#at = start + inner.#at;
    this.#close();
    if (kind === "(?<=") this.leads.push(source);
    return `${kind}${source})`;
  }

  #ahead(make: (sure: string, maybe: string) => string): string {
    const start = this.#at;
    const maybe = this.#alternatives();
    const sure = this.#source.slice(start, this.#at);
    // It is written twice, which would renumber the groups behind it.
    if (/(?<!\\)\((?!\?)/.test(sure)) throw new Error(`a group in a lookahead: ${this.#source}`);
    this.#close();
    return make(sure, maybe);
  }

  #group(): string {
    const made = this.#alternatives();
    this.#close();
    return made;
  }

  #quantifier(): string {
    QUANTIFIER.lastIndex = this.#at;
    const [quantifier] = QUANTIFIER.exec(this.#source) ?? [""];
    this.#at += quantifier.length;
    return quantifier;
  }

  #close(): void {
    if (!this.#take(")")) throw new Error(`unbalanced pattern: ${this.#source}`);
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}
