import { hkdfSha256 } from "./hkdf.ts";
import { utf8 } from "./utf8.ts";

/**
 * Sealed object, version 1: `"BW" 0x01 0x10 ‖ salt32 ‖ chunk…`. Every chunk is AES-256-GCM over at most 64 KiB with a
 * 16-byte tag; all but the last are full, so chunk `n` begins at a computable offset and ranges can be read. The key
 * and a 7-byte nonce prefix come from HKDF-SHA-256(data key, salt); nonce = prefix ‖ index32 ‖ final. A fresh 256-bit
 * salt per object means that no (key, nonce) pair ever repeats. Additional data binds header, tenant, object, index
 * and final flag: truncation, reordering, appending, and moving bytes to another object or tenant all fail to open.
 */
export const SEAL = { chunkBytes: 65_536, tagBytes: 16, saltBytes: 32, headerBytes: 36, chunksMax: 2 ** 32 } as const;
/** Two letters, version 1, log2 of the chunk size. */
const MAGIC = Uint8Array.of(0x42, 0x57, 0x01, 0x10);

/** What a sealed object belongs to; it opens under exactly these names. */
export interface SealContext {
  tenant: string;
  /** Unique name of the object inside the tenant, e.g. `task/task_…/result`. */
  object: string;
}

export function sealHeader(salt: Uint8Array): Uint8Array<ArrayBuffer> {
  if (salt.length !== SEAL.saltBytes) throw new RangeError(`seal: a salt is ${SEAL.saltBytes} bytes`);
  const header = new Uint8Array(SEAL.headerBytes);
  header.set(MAGIC);
  header.set(salt, MAGIC.length);
  return header;
}

/** Whether `bytes` begin with a header of a version that this code opens. */
export const hasSealHeader = (bytes: Uint8Array): boolean =>
  bytes.length >= SEAL.headerBytes && MAGIC.every((byte, at) => bytes[at] === byte);

const lengthPrefixed = (text: string): Uint8Array => {
  const bytes = utf8(text);
  const out = new Uint8Array(4 + bytes.length);
  new DataView(out.buffer).setUint32(0, bytes.length);
  out.set(bytes, 4);
  return out;
};

/** AES-GCM parameters per chunk; the derived key never leaves WebCrypto. */
export interface ChunkCipher {
  seal(plain: Uint8Array<ArrayBuffer>, index: number, final: boolean): Promise<Uint8Array<ArrayBuffer>>;
  /** Rejects when the chunk is not the one that was sealed there. */
  open(sealed: Uint8Array<ArrayBuffer>, index: number, final: boolean): Promise<Uint8Array<ArrayBuffer>>;
}

/** Throws `RangeError` unless the data key has 256 bits. */
export async function chunkCipher(dataKey: Uint8Array, header: Uint8Array, context: SealContext): Promise<ChunkCipher> {
  if (dataKey.length !== 32) throw new RangeError("seal: a data key is 32 bytes");
  const derived = hkdfSha256(dataKey, header.subarray(MAGIC.length, SEAL.headerBytes), "bailiwick/seal/v1", 32 + 7);
  const key = await crypto.subtle.importKey("raw", derived.slice(0, 32), "AES-GCM", false, ["encrypt", "decrypt"]);
  const tenant = lengthPrefixed(context.tenant);
  const object = lengthPrefixed(context.object);
  const names = SEAL.headerBytes + tenant.length + object.length;
  const base = new Uint8Array(names + 5);
  base.set(header.subarray(0, SEAL.headerBytes));
  base.set(tenant, SEAL.headerBytes);
  base.set(object, SEAL.headerBytes + tenant.length);
  const parameters = (index: number, final: boolean) => {
    if (index >= SEAL.chunksMax) throw new RangeError("seal: object is too large");
    const iv = new Uint8Array(12);
    iv.set(derived.subarray(32));
    const additionalData = base.slice();
    for (const [bytes, at] of [
      [iv, 7],
      [additionalData, names],
    ] as const) {
      new DataView(bytes.buffer).setUint32(at, index);
      bytes[at + 4] = final ? 1 : 0;
    }
    return { name: "AES-GCM", iv, additionalData, tagLength: SEAL.tagBytes * 8 };
  };
  return {
    seal: async (plain, index, final) =>
      new Uint8Array(await crypto.subtle.encrypt(parameters(index, final), key, plain)),
    open: async (sealed, index, final) =>
      new Uint8Array(await crypto.subtle.decrypt(parameters(index, final), key, sealed)),
  };
}
