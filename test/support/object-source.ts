/** How a stream of bytes is made, so that it can be made again in another process. */
export interface SourceRecipe {
  pieces: number;
  piece_bytes: number;
  /** Throws instead of the piece with this number. */
  fail_at?: number;
}

/** Bytes of piece `n`: every piece differs, and so does every stretch within one. */
export function pieceBytes(n: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0, value = n * 2_654_435_761 + 1; at < size; at++) {
    value = (value * 1_103_515_245 + 12_345) & 0x7fffffff;
    bytes[at] = value >> 16;
  }
  return bytes;
}

export class SourceFailed extends Error {
  override readonly name = "SourceFailed";
}

/** A stream by its recipe; notes whether it was read to its end or closed before. */
export class MadeSource implements AsyncIterable<Uint8Array> {
  readonly recipe: SourceRecipe;
  closed = false;

  constructor(recipe: SourceRecipe) {
    this.recipe = recipe;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const { pieces, piece_bytes, fail_at } = this.recipe;
    try {
      for (let piece = 0; piece < pieces; piece++) {
        if (piece === fail_at) throw new SourceFailed("the source failed");
        yield pieceBytes(piece, piece_bytes);
      }
    } finally {
      this.closed = true;
    }
  }
}
