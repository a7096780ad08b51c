import { LIMITS } from "../../shared/contracts/limits.ts";

/** A stretch of a period without an entry; indices of the entries around it, null at the log's ends. */
export interface Silence {
  from: string;
  to: string;
  after: number | null;
  before: number | null;
}

interface Placed {
  index: number;
  atMs: number;
}

/** Finds the silences of `[fromMs, toMs)` while the exported entries, its neighbours included, pass by in order. */
export class Silences {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #found: Silence[] = [];
  #last: Placed | null = null;

  constructor(fromMs: number, toMs: number) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
  }

  entry(index: number, atMs: number): void {
    this.#between({ index, atMs });
    this.#last = { index, atMs };
  }

  /** All of them, once the last entry has passed. */
  end(): Silence[] {
    this.#between(null);
    return this.#found;
  }

  #between(next: Placed | null): void {
    const last = this.#last;
    const from = Math.max(last?.atMs ?? this.#fromMs, this.#fromMs);
    const to = Math.min(next?.atMs ?? this.#toMs, this.#toMs);
    if (to - from < LIMITS.silenceMsMin) return;
    this.#found.push({
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      after: last?.index ?? null,
      before: next?.index ?? null,
    });
  }
}
