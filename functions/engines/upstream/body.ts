import { type ByteSource, readUpTo } from "../../../shared/contracts/ports/byte-source.ts";
import type { Exchange } from "../../../shared/contracts/ports/egress.ts";
import { EngineError } from "../../../shared/contracts/ports/engine.ts";
import type { Watch } from "./watch.ts";

/** Pull-based reading of an answer's body: nothing is read before it is asked for. */
export class UpstreamBody implements ByteSource {
  readonly #exchange: Exchange;
  readonly #watch: Watch;

  constructor(exchange: Exchange, watch: Watch) {
    this.#exchange = exchange;
    this.#watch = watch;
    watch.onStop = () => this.cancel();
  }

  /** The next bytes, null at the end. Throws `EngineError`. */
  async read(): Promise<Uint8Array | null> {
    const watch = this.#watch;
    watch.check();
    watch.reading(true);
    try {
      const part = await this.#exchange.read();
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
    const { bytes, whole } = await readUpTo(this, bytesMax);
    if (!whole && !cut) throw new EngineError({ reason: "failed", status: null, message: "the answer is too large" });
    return bytes;
  }

  /** Tells the upstream to stop. */
  cancel(): void {
    this.#exchange.cancel();
  }
}
