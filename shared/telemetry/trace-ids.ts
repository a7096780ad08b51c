import type { Ids } from "../contracts/ports/clock.ts";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** 42 traces a refill: one call into the random source costs more than a kilobyte from it. */
const poolBytes = 1_008;

/** Trace and span ids from injected randomness, taken in blocks. */
export class TraceIds {
  readonly #ids: Pick<Ids, "bytes">;
  #pool: Uint8Array = new Uint8Array(0);
  #next = 0;
  constructor(ids: Pick<Ids, "bytes">) {
    this.#ids = ids;
  }
  /** 32 hex digits. */
  trace(): string {
    return this.#hex(16);
  }
  /** 16 hex digits. */
  span(): string {
    return this.#hex(8);
  }
  #hex(bytes: number): string {
    if (this.#next + bytes > this.#pool.length) {
      this.#pool = this.#ids.bytes(poolBytes);
      this.#next = 0;
    }
    let text = "";
    for (const end = this.#next + bytes; this.#next < end; this.#next++) text += HEX[this.#pool[this.#next] ?? 0];
    // All zero is the one invalid value; it is replaced, not drawn again, so that a dead source cannot loop for ever.
    return /[^0]/.test(text) ? text : `${text.slice(1)}1`;
  }
}
