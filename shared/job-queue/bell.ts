/** Lets those who wait look again: at once when this process wrote, within `lookMs` when another one did. */
export class Bell {
  readonly #version: () => unknown;
  readonly #lookMs: number;
  readonly #waiting = new Set<() => void>();
  #seen: unknown;
  #looking: ReturnType<typeof setInterval> | null = null;
  #rung = 0;

  /** `version` changes whenever another process has written. */
  constructor(version: () => unknown, lookMs: number) {
    this.#version = version;
    this.#lookMs = lookMs;
  }

  /** How often it rang: taken before looking, it tells `wait` whether something happened since. */
  get rung(): number {
    return this.#rung;
  }

  ring(): void {
    this.#rung++;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves after `ms`, when `signal` aborts, or when the bell rings; at once if it rang since `rung`. */
  wait(ms: number, rung: number, signal: AbortSignal | undefined): Promise<void> {
    if (ms <= 0 || rung !== this.#rung || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        if (this.#waiting.size === 0) this.#stopLooking();
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal?.addEventListener("abort", wake);
      this.#waiting.add(wake);
      this.#looking ??= setInterval(() => this.#look(), this.#lookMs);
    });
  }

  #look(): void {
    const version = this.#version();
    if (version === this.#seen) return;
    this.#seen = version;
    this.ring();
  }

  #stopLooking(): void {
    if (this.#looking !== null) clearInterval(this.#looking);
    this.#looking = null;
  }
}
