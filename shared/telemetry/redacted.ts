const MASK = "[redacted]";

/** A secret that prints `[redacted]` in text, JSON and inspection; only `reveal` answers the value. */
export class Redacted {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The secret itself; hand it to its one consumer and keep it nowhere. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return MASK;
  }
  toJSON(): string {
    return MASK;
  }
  [Symbol.toPrimitive](): string {
    return MASK;
  }
  /** What Node, Deno and workerd print in `console.log` and in assertion messages. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return MASK;
  }
  [Symbol.for("Deno.customInspect")](): string {
    return MASK;
  }
}
