import { err, ok, type Result } from "../contracts/result.ts";
import { chunkCipher, hasSealHeader, SEAL, type SealContext } from "./seal-format.ts";

export type OpenRefusal =
  /** Not this format, or a version that this code does not know. */
  | { reason: "not_sealed" }
  /** Wrong key, wrong tenant or object, or altered, cut, reordered or extended bytes: indistinguishable by design. */
  | { reason: "not_authentic" };

const SEALED_CHUNK = SEAL.chunkBytes + SEAL.tagBytes;

/**
 * The plaintext, or why not: nothing is returned before every chunk up to the final one was verified. `context` must
 * be the names it was sealed under.
 */
export async function open(
  dataKey: Uint8Array,
  context: SealContext,
  sealed: Uint8Array,
): Promise<Result<Uint8Array<ArrayBuffer>, OpenRefusal>> {
  if (!hasSealHeader(sealed)) return err({ reason: "not_sealed" });
  const body = sealed.length - SEAL.headerBytes;
  const chunks = Math.ceil(body / SEALED_CHUNK);
  if (chunks === 0 || body - (chunks - 1) * SEALED_CHUNK < SEAL.tagBytes) return err({ reason: "not_authentic" });
  const cipher = await chunkCipher(dataKey, sealed.subarray(0, SEAL.headerBytes), context);
  const plain = new Uint8Array(body - chunks * SEAL.tagBytes);
  for (let index = 0; index < chunks; index++) {
    const start = SEAL.headerBytes + index * SEALED_CHUNK;
    const piece = await openChunk(cipher, sealed.slice(start, start + SEALED_CHUNK), index, index === chunks - 1);
    if (piece === null) return err({ reason: "not_authentic" });
    plain.set(piece, index * SEAL.chunkBytes);
  }
  return ok(plain);
}

async function openChunk(
  cipher: Awaited<ReturnType<typeof chunkCipher>>,
  sealed: Uint8Array<ArrayBuffer>,
  index: number,
  final: boolean,
): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await cipher.open(sealed, index, final);
  } catch {
    // WebCrypto tells no cause for a failed tag, and none may be told.
    return null;
  }
}
