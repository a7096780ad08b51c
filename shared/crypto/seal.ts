import { chunkCipher, SEAL, type SealContext, sealHeader } from "./seal-format.ts";

const freshSalt = () => crypto.getRandomValues(new Uint8Array(SEAL.saltBytes));

/**
 * Encrypts a stream chunk by chunk, holding at most one chunk. Each yielded piece is the header or one sealed chunk.
 * `salt` is only for test vectors: repeating one under the same data key breaks confidentiality.
 */
export async function* sealStream(
  dataKey: Uint8Array,
  context: SealContext,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  salt: Uint8Array = freshSalt(),
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const header = sealHeader(salt);
  const cipher = await chunkCipher(dataKey, header, context);
  yield header;
  let held = new Uint8Array(SEAL.chunkBytes);
  let used = 0;
  let index = 0;
  for await (const piece of source) {
    let at = 0;
    while (at < piece.length) {
      // Only when more follows is a full chunk known not to be the last one.
      if (used === SEAL.chunkBytes) {
        yield await cipher.seal(held, index++, false);
        held = new Uint8Array(SEAL.chunkBytes);
        used = 0;
      }
      const taken = Math.min(piece.length - at, SEAL.chunkBytes - used);
      held.set(piece.subarray(at, at + taken), used);
      used += taken;
      at += taken;
    }
  }
  yield await cipher.seal(held.subarray(0, used), index, true);
}

/** Encrypts `plain` for exactly one object of one tenant; see `seal-format.ts`. The result is 36 + 16 per 64 KiB longer. */
export async function seal(
  dataKey: Uint8Array,
  context: SealContext,
  plain: Uint8Array,
  salt?: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks = Math.max(1, Math.ceil(plain.length / SEAL.chunkBytes));
  const out = new Uint8Array(SEAL.headerBytes + plain.length + chunks * SEAL.tagBytes);
  let at = 0;
  for await (const piece of sealStream(dataKey, context, [plain], salt)) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
