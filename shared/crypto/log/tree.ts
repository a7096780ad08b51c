import { constantTimeEqual } from "../constant-time-equal.ts";
import { sha256 } from "../sha256.ts";

/** Bytes of every hash in the log: SHA-256. */
export const HASH_BYTES = 32;

/** RFC 6962 §2.1: the root of a log without entries, SHA-256 of nothing. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

/** RFC 6962 §2.1: SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(1 + entry.length);
  prefixed.set(entry, 1);
  return sha256(prefixed);
}

/** RFC 6962 §2.1: SHA-256(0x01 ‖ left ‖ right). Both sides are 32 bytes, else it throws `RangeError`. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES) throw new RangeError("tree: a hash is 32 bytes");
  const prefixed = new Uint8Array(1 + 2 * HASH_BYTES);
  prefixed[0] = 1;
  prefixed.set(left, 1);
  prefixed.set(right, 1 + HASH_BYTES);
  return sha256(prefixed);
}

/**
 * RFC 6962 §2.1 root over leaf hashes, or over any hashes of one height. Level by level: a last hash without a partner
 * rises as it is, which gives the same tree as splitting at the largest power of two.
 */
export function rootOfLeaves(hashes: readonly Uint8Array[]): Uint8Array {
  let level = hashes;
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at] ?? EMPTY_ROOT;
      const right = level[at + 1];
      above.push(right === undefined ? left : nodeHash(left, right));
    }
    level = above;
  }
  const root = level[0] ?? EMPTY_ROOT;
  if (root.length !== HASH_BYTES) throw new RangeError("tree: a hash is 32 bytes");
  return new Uint8Array(root);
}

const isHash = (hash: Uint8Array | undefined): hash is Uint8Array => hash?.length === HASH_BYTES;
const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
const isOdd = (value: number): boolean => value % 2 === 1;
// Sizes go past 32 bits, so that shifts would cut them.
const half = (value: number): number => Math.floor(value / 2);
const isPowerOfTwo = (value: number): boolean => {
  let rest = value;
  while (rest > 1 && !isOdd(rest)) rest /= 2;
  return rest === 1;
};

/** That the entry with hash `leaf` stands at `index` of the log with `size` entries and `root`. */
export interface InclusionClaim {
  index: number;
  size: number;
  leaf: Uint8Array;
  /** From the leaf's sibling up to the root's child. */
  proof: readonly Uint8Array[];
  root: Uint8Array;
}

/** RFC 9162 §2.1.3.2. False for whatever is not a proof, also for malformed sizes and lengths; never throws. */
export function verifyInclusion({ index, size, leaf, proof, root }: InclusionClaim): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false;
  if (!isHash(leaf) || !isHash(root) || !proof.every(isHash)) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else hash = nodeHash(hash, sibling);
    at = half(at);
    last = half(last);
  }
  return last === 0 && constantTimeEqual(hash, root);
}

/** That the log of `to` entries begins with the log of `from` entries. */
export interface ConsistencyClaim {
  from: number;
  to: number;
  fromRoot: Uint8Array;
  toRoot: Uint8Array;
  proof: readonly Uint8Array[];
}

/**
 * RFC 9162 §2.1.4.2. False for whatever is not a proof; never throws. Beyond the RFC: equal sizes need equal roots, the
 * empty log needs its own root, and both need an empty proof.
 */
export function verifyConsistency({ from, to, fromRoot, toRoot, proof }: ConsistencyClaim): boolean {
  if (!isCount(from) || !isCount(to) || from > to) return false;
  if (!isHash(fromRoot) || !isHash(toRoot) || !proof.every(isHash)) return false;
  if (from === to) {
    if (from === 0 && !constantTimeEqual(fromRoot, EMPTY_ROOT)) return false;
    return proof.length === 0 && constantTimeEqual(fromRoot, toRoot);
  }
  if (from === 0) return proof.length === 0 && constantTimeEqual(fromRoot, EMPTY_ROOT);
  // A log whose size is a power of two is one node of the larger log, and the proof leaves it out.
  const path = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  const start = path[0];
  if (start === undefined || proof.length === 0) return false;
  let at = from - 1;
  let last = to - 1;
  while (isOdd(at)) {
    at = half(at);
    last = half(last);
  }
  let old = start;
  let grown = start;
  for (const hash of path.slice(1)) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      old = nodeHash(hash, old);
      grown = nodeHash(hash, grown);
      while (!isOdd(at) && at !== 0) {
        at = half(at);
        last = half(last);
      }
    } else grown = nodeHash(grown, hash);
    at = half(at);
    last = half(last);
  }
  return last === 0 && constantTimeEqual(old, fromRoot) && constantTimeEqual(grown, toRoot);
}
