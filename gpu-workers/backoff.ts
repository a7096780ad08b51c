/** Waits that double up to a bound, each cut by chance so that many workers do not come back together. */
export class Backoff {
  readonly #min: number;
  readonly #max: number;
  readonly #random: () => number;
  #tries = 0;

  constructor(minMs: number, maxMs: number, random: () => number) {
    this.#min = minMs;
    this.#max = maxMs;
    this.#random = random;
  }

  /** Milliseconds to wait before the next try: half of the full wait at least. */
  next(): number {
    const full = Math.min(this.#max, this.#min * 2 ** Math.min(this.#tries++, 30));
    return Math.round(full * (0.5 + this.#random() / 2));
  }

  /** It worked. */
  reset(): void {
    this.#tries = 0;
  }
}

/** Resolves after `ms` or when `signal` aborts; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(over, ms);
    function over() {
      clearTimeout(timer);
      signal.removeEventListener("abort", over);
      resolve();
    }
    signal.addEventListener("abort", over, { once: true });
  });
}
