import { gunzipSync } from "node:zlib";

/** The platform's stream that inflates, without the threads that it would wait for: all of it when the last byte came. */
export class SyncDecompressionStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;

  constructor(format: string) {
    if (format !== "gzip") throw new TypeError(`no inflating of ${format} here`);
    const pieces: Uint8Array[] = [];
    const through = new TransformStream<Uint8Array, Uint8Array>({
      transform: (piece) => void pieces.push(piece.slice()),
      flush: (controller) => controller.enqueue(new Uint8Array(gunzipSync(Buffer.concat(pieces)))),
    });
    this.readable = through.readable;
    this.writable = through.writable;
  }
}
