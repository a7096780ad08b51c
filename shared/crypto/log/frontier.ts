import { HASH_BYTES, nodeHash } from "./tree.ts";
import { foldNodes, rootNodes } from "./tree-nodes.ts";

/** Called for each perfect subtree that an append completed, at heights 8, 16, …: one hash of a tile of level height / 8. */
export type OnNode = (height: number, index: number, hash: Uint8Array) => void;

const SIZE_BYTES = 8;

/**
 * The compact range of a log: the hashes of `rootNodes(size)` and nothing else, at most 53. An append costs one hash on
 * average and never more than 53, however long the log is. Mutable: after a rolled back transaction read it again, or
 * append to a `clone()`.
 */
export class Frontier {
  #size: number;
  readonly #hashes: Uint8Array[];

  /** See `frontierAt`. */
  constructor(size: number, hashes: readonly Uint8Array[]) {
    if (hashes.length !== rootNodes(size).length || hashes.some(({ length }) => length !== HASH_BYTES))
      throw new RangeError(`frontier: ${hashes.length} hashes are none of size ${size}`);
    this.#size = size;
    this.#hashes = hashes.map((hash) => new Uint8Array(hash));
  }

  /** Entries in the log. */
  get size(): number {
    return this.#size;
  }

  /** Hashes of `rootNodes(size)`, left to right. */
  hashes(): Uint8Array[] {
    return this.#hashes.map((hash) => new Uint8Array(hash));
  }

  append(leaf: Uint8Array, onNode?: OnNode): void {
    if (leaf.length !== HASH_BYTES) throw new RangeError("frontier: a leaf hash is 32 bytes");
    if (this.#size >= Number.MAX_SAFE_INTEGER) throw new RangeError("frontier: the log is full");
    // Not `slice`: of Node's Buffer that is a view.
    let hash: Uint8Array = new Uint8Array(leaf);
    let index = this.#size;
    for (let height = 1; index % 2 === 1; height++) {
      const left = this.#hashes.pop();
      if (left === undefined) throw new Error("frontier: fewer hashes than its size has");
      hash = nodeHash(left, hash);
      index = (index - 1) / 2;
      if (height % 8 === 0) onNode?.(height, index, new Uint8Array(hash));
    }
    this.#hashes.push(hash);
    this.#size++;
  }

  /** RFC 6962 root of the log. */
  root(): Uint8Array {
    return new Uint8Array(foldNodes(this.#hashes));
  }

  clone(): Frontier {
    return new Frontier(this.#size, this.#hashes);
  }

  /** Size as 64-bit big-endian, then the hashes: at most 1,704 bytes, for one row. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(SIZE_BYTES + HASH_BYTES * this.#hashes.length);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(this.#size));
    this.#hashes.forEach((hash, at) => {
      bytes.set(hash, SIZE_BYTES + HASH_BYTES * at);
    });
    return bytes;
  }
}

/** The frontier of a log of `size` entries from the hashes of `rootNodes(size)`. Throws `RangeError` if they do not fit. */
export const frontierAt = (size: number, hashes: readonly Uint8Array[]): Frontier => new Frontier(size, hashes);

/** The frontier of a log without entries. */
export const emptyFrontier = (): Frontier => new Frontier(0, []);

/** What `toBytes` wrote; null for any other bytes. */
export function frontierFromBytes(bytes: Uint8Array): Frontier | null {
  if (bytes.length < SIZE_BYTES || (bytes.length - SIZE_BYTES) % HASH_BYTES !== 0) return null;
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0));
  const count = (bytes.length - SIZE_BYTES) / HASH_BYTES;
  if (!Number.isSafeInteger(size) || rootNodes(size).length !== count) return null;
  const at = (index: number) => SIZE_BYTES + HASH_BYTES * index;
  return new Frontier(
    size,
    Array.from({ length: count }, (_, index) => bytes.subarray(at(index), at(index + 1))),
  );
}
