import type { ByteSource } from "../../shared/contracts/ports/byte-source.ts";

/** Ends a stream: no piece has this length. */
const END = 0xffff_ffff;
/** One piece is held whole; senders make none this large. */
const PIECE_BYTES_MAX = 16 * 1024 * 1024;

/** A stream ended without its end, or is none. */
export class StreamBroken extends Error {
  override readonly name = "StreamBroken";
}

export function framed(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(4 + bytes.byteLength);
  new DataView(out.buffer).setUint32(0, bytes.byteLength);
  out.set(bytes, 4);
  return out;
}

export function endFrame(): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, END);
  return out;
}

/**
 * Frames out of bytes that were cut anywhere: uint32 length and that many bytes, or the end. A stream that stops before its
 * end is `StreamBroken`, so that nothing is ever taken for whole because a connection was closed politely.
 */
export class FrameReader {
  readonly #source: ByteSource;
  readonly #frameBytesMax: number;
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(source: ByteSource, frameBytesMax: number = PIECE_BYTES_MAX) {
    this.#source = source;
    this.#frameBytesMax = frameBytesMax;
  }

  /** The next frame; null at the end. Throws `StreamBroken`, or what the source throws. */
  async next(): Promise<Uint8Array<ArrayBuffer> | null> {
    const head = await this.#take(4);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    if (length === END) return null;
    if (length > this.#frameBytesMax) throw new StreamBroken("a frame is too large");
    return this.#take(length);
  }

  /** Nothing more is read. */
  cancel(): void {
    this.#source.cancel();
  }

  async #take(count: number): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#heldBytes < count) {
      const part = await this.#source.read();
      if (part === null) throw new StreamBroken("it stopped before its end");
      this.#held.push(part);
      this.#heldBytes += part.byteLength;
    }
    const out = new Uint8Array(count);
    for (let at = 0; at < count; ) {
      const first = this.#held[0] ?? new Uint8Array();
      const part = first.subarray(0, count - at);
      out.set(part, at);
      at += part.byteLength;
      if (part.byteLength === first.byteLength) this.#held.shift();
      else this.#held[0] = first.subarray(part.byteLength);
    }
    this.#heldBytes -= count;
    return out;
  }
}

/** One piece, in as many frames as it needs. */
export function framedPiece(piece: Uint8Array): Uint8Array<ArrayBuffer> {
  if (piece.byteLength <= PIECE_BYTES_MAX) return framed(piece);
  const frames: Uint8Array[] = [];
  for (let at = 0; at < piece.byteLength; at += PIECE_BYTES_MAX)
    frames.push(framed(piece.subarray(at, at + PIECE_BYTES_MAX)));
  return joined(frames);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** The pieces again, as they come. Where `silenceMsMax` is given, a sender that is silent for so long has broken off. */
export const unframed = (frames: FrameReader, silenceMsMax?: number): ReadableStream<Uint8Array<ArrayBuffer>> =>
  new ReadableStream(
    {
      async pull(controller) {
        for (;;) {
          const piece = await (silenceMsMax === undefined ? frames.next() : within(silenceMsMax, frames));
          if (piece?.byteLength === 0) continue;
          if (piece === null) controller.close();
          else controller.enqueue(piece);
          return;
        }
      },
      cancel: () => frames.cancel(),
    },
    { highWaterMark: 0 },
  );

async function within(ms: number, frames: FrameReader): Promise<Uint8Array<ArrayBuffer> | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silent = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new StreamBroken("its sender is silent")), ms);
  });
  try {
    return await Promise.race([frames.next(), silent]);
  } catch (cause) {
    if (cause instanceof StreamBroken) frames.cancel();
    throw cause;
  } finally {
    clearTimeout(timer);
  }
}
