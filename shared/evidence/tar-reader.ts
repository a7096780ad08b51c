import { err, ok, type Result } from "../contracts/result.ts";
import { type Fault, fault, shown } from "./fault.ts";

export interface TarFile {
  name: string;
  bytes: Uint8Array;
}

const BLOCK = 512;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Collects chunks of any size and hands out exact lengths. Holds one chunk and what is being read. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly `length` bytes, or fewer at the source's end. */
  async read(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    let at = 0;
    while (at < length) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) return bytes.subarray(0, at);
        this.#rest = new Uint8Array(next.value);
        continue;
      }
      const taken = this.#rest.subarray(0, length - at);
      bytes.set(taken, at);
      at += taken.length;
      this.#rest = this.#rest.subarray(taken.length);
    }
    return bytes;
  }
}

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

/** The text of a field up to its first NUL; null when it is not UTF-8. */
function textOf(field: Uint8Array): string | null {
  const end = field.indexOf(0);
  try {
    return decoder.decode(end < 0 ? field : field.subarray(0, end));
  } catch {
    return null; // `decode` throws for bytes that are not UTF-8, and for nothing else.
  }
}

/** An octal number with its terminator, as POSIX writes them. */
function numberOf(field: Uint8Array): number | null {
  const text = textOf(field);
  return text !== null && /^[0-7]{1,11} *$/.test(text) ? Number.parseInt(text, 8) : null;
}

function parseHeader(header: Uint8Array): Result<{ name: string; size: number }, Fault> {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  const magic = textOf(header.subarray(257, 263));
  if (magic !== "ustar" || numberOf(header.subarray(148, 156)) !== sum)
    return err(fault("tar_malformed", "a header is not one of POSIX ustar"));
  const [prefix, suffix] = [textOf(header.subarray(345, 500)), textOf(header.subarray(0, 100))];
  const size = numberOf(header.subarray(124, 136));
  if (prefix === null || suffix === null || suffix === "" || size === null)
    return err(fault("tar_malformed", "a header has no name or no size"));
  const name = prefix === "" ? suffix : `${prefix}/${suffix}`;
  const type = header[156];
  if (type !== 0x30 && type !== 0) return err(fault("not_a_file", `${shown(name)} is not a regular file`));
  return ok({ name, size });
}

/**
 * The regular files of a POSIX ustar archive, one in memory at a time. Ends with an error at the first thing that is not
 * one, at a name for which `bytesMax` gives a fault, at a file above it, and unless two zero blocks end the archive with nothing but zeros behind them.
 * Rejects only if the source does.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  bytesMax: (name: string) => Result<number, Fault>,
): AsyncGenerator<Result<TarFile, Fault>> {
  const reader = new ByteReader(source);
  for (;;) {
    const header = await reader.read(BLOCK);
    if (header.length < BLOCK) return yield err(fault("truncated", "the archive ends before its end is marked"));
    if (isZero(header)) break;
    const parsed = parseHeader(header);
    if (!parsed.ok) return yield parsed;
    const { name, size } = parsed.value;
    const most = bytesMax(name);
    if (!most.ok) return yield most;
    if (size > most.value) return yield err(fault("too_large", `${shown(name)} has ${size} bytes`));
    const bytes = await reader.read(size);
    const padding = await reader.read((BLOCK - (size % BLOCK)) % BLOCK);
    if (bytes.length < size || (size + padding.length) % BLOCK !== 0)
      return yield err(fault("truncated", `the archive ends inside ${shown(name)}`));
    yield ok({ name, bytes });
  }
  const end = await reader.read(BLOCK);
  if (end.length < BLOCK) return yield err(fault("truncated", "the archive ends before its end is marked"));
  for (let block = end; block.length > 0; block = await reader.read(BLOCK))
    if (!isZero(block)) return yield err(fault("trailing_bytes", "something stands behind the end of the archive"));
}
