/** What can be done about a write-ahead log that several processes share. */
export interface WalFile {
  /** Resolves when everything written to the log so far is on disk; runs beside the event loop. */
  sync(): Promise<void>;
  /** Copies the log into the database and waits for the disk. Blocks; throws when it could not. */
  copy(): void;
}

/**
 * Group commit over SQLite's log: commits return at once, and any number of them wait for one sync. After a sync that
 * failed, the system may have dropped pages that it still shows to readers; so nothing is acknowledged any more until
 * the whole log was copied into the database, which writes those pages once more.
 */
export class WalSync {
  readonly #file: WalFile;
  #written = 0;
  #synced = 0;
  #running: Promise<void> | null = null;
  #damaged = false;

  constructor(file: WalFile) {
    this.#file = file;
  }

  /** Notes a commit that `durable` has to cover. */
  wrote(): void {
    this.#written++;
  }

  /** Resolves once everything committed before this call is on disk; rejects when it may not be. */
  async durable(): Promise<void> {
    const upTo = this.#written;
    while (this.#synced < upTo) {
      this.#running ??= this.#sync().finally(() => {
        this.#running = null;
      });
      await this.#running;
    }
  }

  async #sync(): Promise<void> {
    const upTo = this.#written;
    if (this.#damaged) {
      this.#file.copy();
      this.#damaged = false;
    } else {
      try {
        await this.#file.sync();
      } catch (cause) {
        this.#damaged = true;
        throw cause;
      }
    }
    this.#synced = upTo;
  }
}
