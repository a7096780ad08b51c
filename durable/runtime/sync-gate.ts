/**
 * Group commit: any number of writes wait for few syncs. One sync runs at a time; whatever is written meanwhile shares
 * the next one. A failed sync fails the gate for good, because the system may have dropped the unsynced pages.
 */
export class SyncGate {
  readonly #sync: () => Promise<void>;
  #written = 0;
  #synced = 0;
  #inFlight: { upTo: number; done: Promise<void> } | null = null;
  #next: Promise<void> | null = null;
  #failure: { cause: unknown } | null = null;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Notes a write that `durable` has to cover. */
  wrote(): void {
    this.#written++;
  }

  /** Null if everything written so far is on disk; else a promise that resolves once it is, or rejects. */
  durable(): Promise<void> | null {
    if (this.#failure) return Promise.reject(this.#failure.cause);
    if (this.#synced >= this.#written) return null;
    if (!this.#inFlight) return this.#start();
    if (this.#inFlight.upTo >= this.#written) return this.#inFlight.done;
    this.#next ??= this.#inFlight.done.then(() => {
      this.#next = null;
      return this.durable() ?? undefined;
    });
    return this.#next;
  }

  #start(): Promise<void> {
    const upTo = this.#written;
    const done = this.#sync().then(
      () => {
        this.#synced = upTo;
        this.#inFlight = null;
      },
      (cause: unknown) => {
        this.#failure = { cause };
        this.#inFlight = null;
        throw cause;
      },
    );
    this.#inFlight = { upTo, done };
    return done;
  }
}
