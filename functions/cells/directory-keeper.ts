import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { TrustedKey } from "../../shared/evidence/keys-file.ts";
import { readDirectory } from "../../shared/evidence/signed-directory.ts";
import { type DirectoryView, directoryView } from "../pipeline/locate/directory-view.ts";

export interface DirectoryKeeperOptions {
  /** The signed text as it lies at its source now. Rejects when it cannot be had. */
  read(): Promise<string>;
  keys: readonly TrustedKey[];
  clock: Clock;
  /** Nothing older is taken, also not as the first one: what whoever starts this knows already. */
  versionMin?: number;
  /** Each reader reads for itself: where a reading ends with the request that began it. */
  alone?: boolean;
  /** Told once per change of what is wrong; null: the source is good again. */
  onFault(fault: string | null): void;
}

/**
 * The newest directory that was in force. Versions never go back; while the source is gone, broken or older, the one at
 * hand counts until it expires, and after that none does.
 */
export class DirectoryKeeper {
  readonly #options: DirectoryKeeperOptions;
  #view: DirectoryView | null = null;
  #text = "";
  #triedMs = Number.NEGATIVE_INFINITY;
  #trying: Promise<void> | null = null;
  #fault: string | null = null;

  constructor(options: DirectoryKeeperOptions) {
    this.#options = options;
  }

  /** Null when no directory is in force. */
  current(): DirectoryView | null {
    return this.#view !== null && this.#view.expiresMs > this.#options.clock.now() ? this.#view : null;
  }

  get due(): boolean {
    return this.#trying === null && this.#options.clock.now() - this.#triedMs >= LIMITS.directoryRefreshMs;
  }

  /** One reading at a time, unless each is alone; whoever comes meanwhile waits for the same one. Never rejects. */
  refresh(): Promise<void> {
    if (this.#options.alone === true) return this.#try();
    this.#trying ??= this.#try().finally(() => {
      this.#trying = null;
    });
    return this.#trying;
  }

  async #try(): Promise<void> {
    const { clock } = this.#options;
    this.#triedMs = clock.now();
    let fault: string | null;
    try {
      fault = this.#take(await this.#options.read());
    } catch (cause) {
      fault = `cannot be read: ${cause instanceof Error ? cause.message : "unknown"}`;
    }
    if (fault === this.#fault) return;
    this.#fault = fault;
    this.#options.onFault(fault);
  }

  #take(text: string): string | null {
    // Two signatures are 2 ms: the same text was verified already.
    if (text === this.#text && this.current() !== null) return null;
    const { keys, clock, versionMin = 1 } = this.#options;
    const read = readDirectory(text, keys, clock.now());
    if (!read.ok) return `${read.error.reason}: ${read.error.detail}`;
    const least = Math.max(versionMin, this.#view?.version ?? 1);
    if (read.value.version < least) return `rolled back: version ${read.value.version}, and ${least} was seen`;
    this.#view = directoryView(read.value);
    this.#text = text;
    return null;
  }
}
