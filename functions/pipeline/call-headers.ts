/** The headers of a call as operations read them: names in lower case, repeated ones joined by a comma. `Headers` is one. */
export interface CallHeaders extends Iterable<[name: string, value: string]> {
  get(name: string): string | null;
}

/** Headers that were read out of the runtime once: each look at the runtime's own costs a crossing and a copy. */
export class ReadHeaders implements CallHeaders {
  readonly #values = new Map<string, string>();
  /** Characters of all names and values together. */
  readonly chars: number;

  constructor(values: Iterable<readonly [string, string]>) {
    let chars = 0;
    for (const [name, value] of values) {
      this.#values.set(name, value);
      chars += name.length + value.length;
    }
    this.chars = chars;
  }

  /** `name` in lower case. */
  get(name: string): string | null {
    return this.#values.get(name) ?? null;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values.entries();
  }
}
