import { utf8 } from "../../shared/crypto/utf8.ts";

/** A regular file of an archive. */
export interface ArchiveFile {
  /** ASCII, at most 100 characters. */
  name: string;
  bytes: Uint8Array;
}

const BLOCK = 512;
const NAME_MAX = 100;
/** Eleven octal digits. */
const SIZE_MAX = 8 ** 11 - 1;

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");

/**
 * The header of a regular file in POSIX ustar (IEEE Std 1003.1, pax, "ustar Interchange Format"), mode 0644, owned by
 * nobody. Throws `RangeError` for a name or size that the format cannot hold.
 */
export function tarHeader(name: string, size: number, mtimeS: number): Uint8Array<ArrayBuffer> {
  if (!/^[\x21-\x7e]+$/.test(name) || name.length > NAME_MAX) throw new RangeError(`tar: a name of ${name.length}`);
  if (!Number.isSafeInteger(size) || size < 0 || size > SIZE_MAX) throw new RangeError(`tar: a size of ${size}`);
  if (!Number.isSafeInteger(mtimeS) || mtimeS < 0 || mtimeS > SIZE_MAX) throw new RangeError("tar: a time");
  const header = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => header.set(utf8(text), at);
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${octal(size, 11)}\0`);
  put(136, `${octal(mtimeS, 11)}\0`);
  // The checksum is over the header with spaces in its own place.
  put(148, "        ");
  put(156, "0");
  put(257, "ustar\0");
  put(263, "00");
  put(329, "0000000\0");
  put(337, "0000000\0");
  put(
    148,
    `${octal(
      header.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
  );
  return header;
}

/** An archive in pieces, in constant memory but for one file. It ends with its two zero blocks only if `files` ended. */
export async function* tarOf(
  files: AsyncIterable<ArchiveFile>,
  mtimeS: number,
): AsyncGenerator<Uint8Array<ArrayBufferLike>> {
  for await (const { name, bytes } of files) {
    yield tarHeader(name, bytes.byteLength, mtimeS);
    if (bytes.byteLength > 0) yield bytes;
    const rest = bytes.byteLength % BLOCK;
    if (rest > 0) yield new Uint8Array(BLOCK - rest);
  }
  yield new Uint8Array(2 * BLOCK);
}
