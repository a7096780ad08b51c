import { SyncRounds } from "./sync-rounds.ts";

/**
 * Group commit: any number of writes wait for few syncs. One sync runs at a time; whatever is written meanwhile shares
 * the next one. A failed sync fails the gate for good, because the system may have dropped the unsynced pages. Gates
 * that share their rounds sync side by side.
 */
export class SyncGate {
  readonly #sync: () => Promise<void>;
  readonly #rounds: SyncRounds;
  #written = 0;
  #synced = 0;
  #inFlight: { upTo: number; done: Promise<void> } | null = null;
  #next: Promise<void> | null = null;
  #failure: { cause: unknown } | null = null;

  constructor(sync: () => Promise<void>, rounds: SyncRounds = new SyncRounds()) {
    this.#sync = sync;
    this.#rounds = rounds;
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
    // Until its round begins, it covers whatever is written.
    const flight = { upTo: Number.POSITIVE_INFINITY, done: Promise.resolve() };
    this.#inFlight = flight;
    flight.done = this.#rounds
      .join(() => {
        flight.upTo = this.#written;
        return this.#sync();
      })
      .then(
        () => {
          this.#synced = flight.upTo;
          this.#inFlight = null;
        },
        (cause: unknown) => {
          this.#failure = { cause };
          this.#inFlight = null;
          throw cause;
        },
      );
    return flight.done;
  }
}
