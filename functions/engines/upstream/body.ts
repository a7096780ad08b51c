import { EngineError } from "../../../shared/contracts/ports/engine.ts";
import { type PartReader, partReader } from "./part-reader.ts";
import type { Watch } from "./watch.ts";

/** A body that says to be no longer is read in one piece by the runtime, at a fraction of the price of its parts. */
const ONE_PIECE_BYTES_MAX = 64 * 1024;

/** Pull-based reading of a response body: nothing is read before it is asked for. */
export class UpstreamBody {
  readonly #response: Response;
  readonly #body: ReadableStream<Uint8Array>;
  readonly #watch: Watch;
  #reader: PartReader | null = null;

  constructor(response: Response, body: ReadableStream<Uint8Array>, watch: Watch) {
    this.#response = response;
    this.#body = body;
    this.#watch = watch;
    watch.onStop = () => this.cancel();
  }

  /** The next bytes, null at the end. Throws `EngineError`. */
  read(): Promise<Uint8Array | null> {
    this.#reader ??= partReader(this.#body);
    const { read } = this.#reader;
    return this.#watched(read);
  }

  async #watched<T>(read: () => Promise<T>): Promise<T> {
    const watch = this.#watch;
    watch.check();
    watch.reading(true);
    try {
      const part = await read();
      // A stop ends the pending read as if the body had ended.
      watch.check();
      watch.firstByte();
      return part;
    } catch (cause) {
      watch.check();
      if (cause instanceof EngineError) throw cause;
      throw new EngineError({ reason: "failed", status: null, message: "the connection broke" }, { cause });
    } finally {
      watch.reading(false);
    }
  }

  /** The whole body, at most `bytesMax`: more throws, or is cut off where `cut` is set. */
  async readAll(bytesMax: number, cut = false): Promise<Uint8Array> {
    if (statedBytes(this.#response) <= Math.min(bytesMax, ONE_PIECE_BYTES_MAX))
      return this.#watched(() => this.#onePiece());
    const parts: Uint8Array[] = [];
    let size = 0;
    for (let part = await this.read(); part !== null; part = await this.read()) {
      size += part.length;
      if (size > bytesMax) {
        this.cancel();
        if (!cut) throw new EngineError({ reason: "failed", status: null, message: "the answer is too large" });
        parts.push(part.subarray(0, part.length - (size - bytesMax)));
        size = bytesMax;
        break;
      }
      parts.push(part);
    }
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    const whole = new Uint8Array(size);
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  /** A stop ends it at once, as it ends the read of a part. */
  #onePiece(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#watch.onStop = () => reject(new Error("stopped"));
      this.#response.arrayBuffer().then((bytes) => resolve(new Uint8Array(bytes)), reject);
    });
  }

  /** Tells the upstream to stop. */
  cancel(): void {
    // The outcome of a cancellation changes nothing for us: the call is over either way.
    (this.#reader ?? this.#body).cancel().catch(() => undefined);
  }
}

/** Infinity for a body of unknown length: one that says nothing, or that is inflated on its way. */
function statedBytes({ headers }: Response): number {
  const length = headers.get("content-length");
  return length === null || headers.has("content-encoding") ? Number.POSITIVE_INFINITY : Number(length);
}
