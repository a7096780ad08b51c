/**
 * A map that keeps the `max` entries used last, as far as they were used since it was half full, each at most `ageMsMax`
 * old. Ages are compared on every read.
 */
export class RecentMap<K, V> {
  readonly #entries = new Map<K, { value: V; atMs: number }>();
  readonly #max: number;
  readonly #ageMsMax: number;

  constructor(bounds: { max: number; ageMsMax: number }) {
    this.#max = bounds.max;
    this.#ageMsMax = bounds.ageMsMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K, nowMs: number): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    // A clock that stepped back makes ages unknown: read again.
    const stale = nowMs < entry.atMs || nowMs - entry.atMs > this.#ageMsMax;
    // Nothing is about to be dropped from a map that is half empty: its order can wait, and moving an entry costs most.
    if (!stale && this.#entries.size * 2 <= this.#max) return entry.value;
    this.#entries.delete(key);
    if (stale) return undefined;
    this.#entries.set(key, entry);
    return entry.value;
  }

  set(key: K, value: V, nowMs: number): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#max) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, { value, atMs: nowMs });
  }

  delete(key: K): void {
    this.#entries.delete(key);
  }
}
