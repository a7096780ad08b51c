import { chunkCipher, hasSealHeader, SEAL, type SealContext } from "./seal-format.ts";

const SEALED_CHUNK = SEAL.chunkBytes + SEAL.tagBytes;

/** Sealed bytes as they lie somewhere: whole pieces of an object of `size` bytes that does not change meanwhile. */
export interface SealedSource {
  size: number;
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The sealed bytes are not those that were sealed under these names. */
export class NotAuthentic extends Error {
  override readonly name = "NotAuthentic";
}

/** Bytes of the plaintext of sealed bytes. Throws `NotAuthentic` for a size that nothing sealed has. */
export function plainSize(sealedSize: number): number {
  const body = sealedSize - SEAL.headerBytes;
  const chunks = Math.ceil(body / SEALED_CHUNK);
  if (chunks < 1 || body - (chunks - 1) * SEALED_CHUNK < SEAL.tagBytes)
    throw new NotAuthentic("too short for sealed bytes");
  return body - chunks * SEAL.tagBytes;
}

/**
 * The plaintext from `offset` on, at most `length` bytes, chunk by chunk: each one verified before it is given out, the
 * last one as the last. Reads `chunksAtOnce` chunks of the source at a time. Throws `NotAuthentic`.
 */
export async function* openRange(
  dataKey: Uint8Array,
  context: SealContext,
  source: SealedSource,
  { offset, length, chunksAtOnce = 16 }: { offset: number; length: number; chunksAtOnce?: number },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const size = plainSize(source.size);
  const end = Math.min(size, offset + length);
  if (offset >= end && size > 0) return;
  const header = await source.read(0, SEAL.headerBytes);
  if (!hasSealHeader(header)) throw new NotAuthentic("no sealed bytes");
  const cipher = await chunkCipher(dataKey, header, context);
  const last = Math.max(0, Math.ceil(size / SEAL.chunkBytes) - 1);
  const to = Math.max(0, Math.ceil(end / SEAL.chunkBytes) - 1);
  for (let index = Math.floor(offset / SEAL.chunkBytes); index <= to; ) {
    const count = Math.min(chunksAtOnce, to - index + 1);
    const at = SEAL.headerBytes + index * SEALED_CHUNK;
    const sealed = await source.read(at, Math.min(count * SEALED_CHUNK, source.size - at));
    for (let n = 0; n < count; n++, index++) {
      const piece = sealed.slice(n * SEALED_CHUNK, (n + 1) * SEALED_CHUNK);
      let plain: Uint8Array<ArrayBuffer>;
      try {
        plain = await cipher.open(piece, index, index === last);
      } catch (cause) {
        throw new NotAuthentic("altered, cut or moved", { cause });
      }
      const begins = index * SEAL.chunkBytes;
      const cut = plain.subarray(Math.max(0, offset - begins), Math.max(0, end - begins));
      if (cut.byteLength > 0) yield cut;
    }
  }
}
