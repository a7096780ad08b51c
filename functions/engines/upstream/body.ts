import { EngineError } from "../../../shared/contracts/ports/engine.ts";
import { type PartReader, partReader } from "./part-reader.ts";
import type { Watch } from "./watch.ts";

/** Pull-based reading of a response body: nothing is read before it is asked for. */
export class UpstreamBody {
  readonly #reader: PartReader;
  readonly #watch: Watch;

  constructor(body: ReadableStream<Uint8Array>, watch: Watch) {
    this.#reader = partReader(body);
    this.#watch = watch;
    watch.onStop = () => this.cancel();
  }

  /** The next bytes, null at the end. Throws `EngineError`. */
  async read(): Promise<Uint8Array | null> {
    const watch = this.#watch;
    watch.check();
    watch.reading(true);
    try {
      const part = await this.#reader.read();
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

  /** Tells the upstream to stop. */
  cancel(): void {
    // The outcome of a cancellation changes nothing for us: the call is over either way.
    this.#reader.cancel().catch(() => undefined);
  }
}
