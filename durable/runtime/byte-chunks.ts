import { LIMITS } from "../../shared/contracts/limits.ts";

/** Cuts bytes into pieces that fit a row; no bytes are no pieces. The pieces share the input's memory. */
export function chunkBytes(bytes: Uint8Array, chunkBytesMax: number = LIMITS.sqlChunkBytes): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += chunkBytesMax) chunks.push(bytes.subarray(at, at + chunkBytesMax));
  return chunks;
}

/** The inverse. Throws when the pieces do not add up to `length`: a missing row must never shorten an answer. */
export function joinBytes(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  if (at !== length) throw new Error("stored pieces do not add up");
  return bytes;
}
