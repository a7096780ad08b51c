/** What one call's body takes of the room, until the call has been answered. */
export interface BodyLease {
  /** False when the bodies of all calls together would pass the bound; then nothing was taken. */
  take(bytes: number): boolean;
  release(): void;
}

/**
 * Room for the bodies of all calls of one process or isolate: a body may be as large as its operation allows, but not all
 * of them at once. Only bytes that arrived count, so announcing a large body takes nothing.
 */
export class BodyRoom {
  readonly #bytesMax: number;
  #taken = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get takenBytes(): number {
    return this.#taken;
  }

  lease(): BodyLease {
    let mine = 0;
    return {
      take: (bytes) => {
        if (this.#taken + bytes > this.#bytesMax) return false;
        this.#taken += bytes;
        mine += bytes;
        return true;
      },
      release: () => {
        this.#taken -= mine;
        mine = 0;
      },
    };
  }
}
