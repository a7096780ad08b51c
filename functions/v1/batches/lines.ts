import type { BatchPlace } from "../../../shared/contracts/ports/batch-store.ts";

/** One line of a file. */
export interface Line {
  /** From 1, blank lines included. */
  line: number;
  offset: number;
  /** Without its line break. */
  length: number;
  /** Null when it is longer than a line may be. */
  bytes: Uint8Array | null;
  /** Where the next line begins. */
  next: BatchPlace;
}

const LF = 0x0a;
const CR = 0x0d;
const BOM = [0xef, 0xbb, 0xbf];

/**
 * The lines of a file from `place` on that are not blank, holding at most one of them. Lines end with LF or CRLF; a byte
 * order mark before the first is no part of it.
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  place: BatchPlace,
  bytesMax: number,
): AsyncGenerator<Line, void, undefined> {
  let { offset, line } = place;
  let held: Uint8Array[] = [];
  let length = 0;
  let tooLong = false;
  const take = (piece: Uint8Array): void => {
    length += piece.byteLength;
    tooLong ||= length > bytesMax;
    if (tooLong) held = [];
    else if (piece.byteLength > 0) held.push(piece);
  };
  const end = (breakBytes: number): Line => {
    line++;
    const bytes = tooLong ? null : trimmed(joined(held, length), offset === 0);
    const cut: Line = {
      line,
      offset: offset + (bytes?.from ?? 0),
      length: bytes?.text.byteLength ?? length,
      bytes: bytes?.text ?? null,
      next: { offset: offset + length + breakBytes, line },
    };
    offset = cut.next.offset;
    held = [];
    length = 0;
    tooLong = false;
    return cut;
  };
  for await (const piece of source) {
    let from = 0;
    for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, from)) {
      take(piece.subarray(from, at));
      from = at + 1;
      const cut = end(1);
      if (cut.bytes === null || !isBlank(cut.bytes)) yield cut;
    }
    take(piece.slice(from));
  }
  if (length === 0) return;
  const cut = end(0);
  if (cut.bytes === null || !isBlank(cut.bytes)) yield cut;
}

const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === CR);

function trimmed(bytes: Uint8Array, first: boolean): { from: number; text: Uint8Array } {
  const from = first && BOM.every((byte, at) => bytes[at] === byte) ? BOM.length : 0;
  const to = bytes.at(-1) === CR ? bytes.byteLength - 1 : bytes.byteLength;
  return { from, text: bytes.subarray(from, Math.max(from, to)) };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only) return only;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
