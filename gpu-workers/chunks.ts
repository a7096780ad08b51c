import { LIMITS } from "../shared/contracts/limits.ts";

/** What all generations of a worker may keep together. */
export class HeldBytes {
  readonly #max: number;
  #held = 0;
  constructor(max: number = LIMITS.workerHeldBytesMax) {
    this.#max = max;
  }
  get held(): number {
    return this.#held;
  }
  take(bytes: number): boolean {
    if (this.#held + bytes > this.#max) return false;
    this.#held += bytes;
    return true;
  }
  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/**
 * Chunks of one generation, numbered from 1. They are kept from the first on while there is room; once there is not, those
 * that were sent are let go, and so is every later one as soon as it was sent.
 */
export class Chunks {
  readonly #room: HeldBytes;
  readonly #parts: (Uint8Array | null)[] = [];
  #counted = 0;
  #whole = true;
  #sent = 0;
  #unsentBytes = 0;

  constructor(room: HeldBytes) {
    this.#room = room;
  }

  get count(): number {
    return this.#parts.length;
  }
  /** Whether every chunk is still here. */
  get whole(): boolean {
    return this.#whole;
  }
  /** Bytes behind the last sent chunk. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  add(part: Uint8Array): void {
    this.#parts.push(part);
    this.#unsentBytes += part.length;
    if (!this.#whole) return;
    if (this.#room.take(part.length)) this.#counted += part.length;
    else this.#letGo();
  }

  /** @throws RangeError for a chunk that is not here. */
  at(seq: number): Uint8Array {
    const part = this.#parts[seq - 1];
    if (!part) throw new RangeError(`chunk ${seq} is not here`);
    return part;
  }

  sent(seq: number): void {
    for (; this.#sent < seq; this.#sent++) {
      this.#unsentBytes -= this.#parts[this.#sent]?.length ?? 0;
      if (!this.#whole) this.#parts[this.#sent] = null;
    }
  }

  /** They are sent to somebody else, from the first on. */
  rewind(): void {
    if (!this.#whole) throw new RangeError("chunks that were let go cannot be sent again");
    this.#sent = 0;
    this.#unsentBytes = this.#parts.reduce((sum, part) => sum + (part?.length ?? 0), 0);
  }

  forget(): void {
    this.#room.give(this.#counted);
    this.#counted = 0;
    this.#parts.length = 0;
    this.#unsentBytes = 0;
  }

  #letGo(): void {
    this.#whole = false;
    this.#room.give(this.#counted);
    this.#counted = 0;
    for (let i = 0; i < this.#sent; i++) this.#parts[i] = null;
  }
}
