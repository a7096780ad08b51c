import { checkStreamed } from "./bounds.ts";

/** One piece of a stream; the last one may be shorter than the others, and empty if the stream is. */
export interface Piece {
  bytes: Uint8Array;
  last: boolean;
}

/**
 * Cuts a stream into pieces of `pieceBytes`. One buffer serves all pieces: a piece is good until the next is asked for.
 * @throws RangeError past `objectBytesMax`, and whatever the source throws.
 */
export async function* piecesOf(source: AsyncIterable<Uint8Array>, pieceBytes: number): AsyncGenerator<Piece> {
  const buffer = new Uint8Array(pieceBytes);
  let filled = 0;
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    checkStreamed(size);
    for (let at = 0; at < chunk.length; ) {
      // A full buffer is handed out only when more follows, so that the last piece is known to be it.
      if (filled === pieceBytes) {
        yield { bytes: buffer, last: false };
        filled = 0;
      }
      const part = chunk.subarray(at, at + pieceBytes - filled);
      buffer.set(part, filled);
      filled += part.length;
      at += part.length;
    }
  }
  yield { bytes: buffer.subarray(0, filled), last: true };
}
