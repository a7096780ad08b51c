import { LIMITS } from "../../contracts/limits.ts";
import { err, ok, type Result } from "../../contracts/result.ts";
import { TILE_WIDTH } from "./tiles.ts";

/** `truncated`: the bytes end inside a length or an entry. `too_many`: more than the 256 entries of a full bundle. */
export type BundleFault = { reason: "truncated" | "too_many" };

/**
 * C2SP tlog-tiles entry bundle: each entry after its length as 16-bit big-endian. Throws `RangeError` unless there are 1
 * to 256 entries of at most 65,535 bytes.
 */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (entries.length < 1 || entries.length > TILE_WIDTH) throw new RangeError("entry bundle: 1 to 256 entries");
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > LIMITS.ledgerEntryBytesMax) throw new RangeError("entry bundle: an entry is too long");
    bytes[at] = entry.length >> 8;
    bytes[at + 1] = entry.length & 255;
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** The entries of a bundle, copied. How many there should be, and their hashes, is the caller's to compare. */
export function decodeBundle(bytes: Uint8Array): Result<Uint8Array[], BundleFault> {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (entries.length === TILE_WIDTH) return err({ reason: "too_many" });
    const high = bytes[at];
    const low = bytes[at + 1];
    if (high === undefined || low === undefined) return err({ reason: "truncated" });
    const end = at + 2 + high * 256 + low;
    if (end > bytes.length) return err({ reason: "truncated" });
    // Not `slice`: of Node's Buffer that is a view.
    entries.push(new Uint8Array(bytes.subarray(at + 2, end)));
    at = end;
  }
  return ok(entries);
}
