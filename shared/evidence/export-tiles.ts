import { LIMITS } from "../contracts/limits.ts";
import { constantTimeEqual } from "../crypto/constant-time-equal.ts";
import { hashesOfTile, hashOfNode, TILE_WIDTH, type Tile, tileOfNode, tilePath } from "../crypto/log/tiles.ts";
import { HASH_BYTES, rootOfLeaves } from "../crypto/log/tree.ts";
import { foldNodes, rootNodes } from "../crypto/log/tree-nodes.ts";
import { type Fault, fault } from "./fault.ts";

/**
 * The tiles that an export of entries `[first, end)` from a log of `size` must have: the level-0 tiles of these entries
 * with all ancestors, and each level's partial tile. By level, then by place.
 */
export function* neededTiles(first: number, end: number, size: number): Generator<Tile> {
  let from = first;
  let last = end - 1;
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    from = Math.floor(from / TILE_WIDTH);
    last = Math.floor(last / TILE_WIDTH);
    const edge = hashes % TILE_WIDTH === 0 ? -1 : Math.floor(hashes / TILE_WIDTH);
    const tiles = Math.ceil(hashes / TILE_WIDTH);
    if (end > first)
      for (let n = from; n <= last && n < tiles; n++)
        yield { level, n, width: Math.min(TILE_WIDTH, hashes - n * TILE_WIDTH) };
    if (edge >= 0 && (end <= first || edge > last)) yield { level, n: edge, width: hashes % TILE_WIDTH };
  }
}

/** Entries may cover a part only of the period's first tile and of its last, which the right edge's may follow. */
const TILES_KEPT_MIN = 3;

/**
 * The tiles of an export, read once. Of level 0 it keeps each tile's own root, 32 bytes for 8 KiB, and the bytes of the
 * first and of the newest ones within `verifyTileBytesKept`; tiles above are a 256th of those and are kept.
 */
export class ExportTiles {
  readonly size: number;
  /** Sizes below which the root will be asked for, by level-0 tile. */
  readonly #cuts = new Map<number, number[]>();
  /** The root over the last, unfilled stretch of 256 entries at such a size. */
  readonly #tails = new Map<number, Uint8Array>();
  readonly #roots = new Map<number, Uint8Array>();
  readonly #leaves = new Map<number, Uint8Array>();
  readonly #above = new Map<string, Uint8Array>();
  readonly #tilesKept: number;
  #first: number | null = null;

  /** `rootsAt`: the sizes for which `rootAt` will be asked. */
  constructor(size: number, rootsAt: Iterable<number>, bytesKept: number = LIMITS.verifyTileBytesKept) {
    this.size = size;
    this.#tilesKept = Math.max(TILES_KEPT_MIN, Math.floor(bytesKept / (TILE_WIDTH * HASH_BYTES)));
    for (const at of new Set([size, ...rootsAt])) {
      if (at % TILE_WIDTH === 0 || at > size) continue;
      const n = Math.floor(at / TILE_WIDTH);
      this.#cuts.set(n, [...(this.#cuts.get(n) ?? []), at]);
    }
  }

  /** Tiles taken so far. */
  count = 0;

  add(tile: Tile, bytes: Uint8Array): Fault | null {
    const { level, n, width } = tile;
    const hashes = Math.floor(this.size / TILE_WIDTH ** level);
    const fits = width === Math.min(TILE_WIDTH, hashes - n * TILE_WIDTH);
    const parsed = hashesOfTile(bytes);
    if (!fits || parsed?.length !== width)
      return fault("tile_differs", `${tilePath(tile)} is no tile of a log of ${this.size} entries`);
    this.count++;
    if (level > 0) {
      this.#above.set(`${level}/${n}`, bytes);
      return null;
    }
    for (const at of this.#cuts.get(n) ?? []) this.#tails.set(at, rootOfLeaves(parsed.slice(0, at % TILE_WIDTH)));
    if (width === TILE_WIDTH) this.#roots.set(n, rootOfLeaves(parsed));
    this.#first ??= n;
    this.#leaves.set(n, bytes);
    if (this.#leaves.size > this.#tilesKept) this.#dropOldest();
    return null;
  }

  #dropOldest(): void {
    for (const n of this.#leaves.keys()) {
      if (n === this.#first) continue;
      this.#leaves.delete(n);
      return;
    }
  }

  has({ level, n }: Tile): boolean {
    return level === 0 ? this.#roots.has(n) || this.#leaves.has(n) : this.#above.has(`${level}/${n}`);
  }

  /** The first full tile whose own root is not the hash at its place in its parent. Tiles come by level. */
  unlinked(): Fault | null {
    for (const [n, root] of this.#roots) {
      const broken = this.#linkFault(0, n, root);
      if (broken) return broken;
    }
    for (const [name, bytes] of this.#above) {
      const [level = 0, n = 0] = name.split("/").map(Number);
      const hashes = hashesOfTile(bytes);
      if (hashes?.length !== TILE_WIDTH) continue;
      const broken = this.#linkFault(level, n, rootOfLeaves(hashes));
      if (broken) return broken;
    }
    return null;
  }

  #linkFault(level: number, n: number, root: Uint8Array): Fault | null {
    const parent = this.#above.get(`${level + 1}/${Math.floor(n / TILE_WIDTH)}`);
    const at = (n % TILE_WIDTH) * HASH_BYTES;
    if (parent !== undefined && constantTimeEqual(parent.subarray(at, at + HASH_BYTES), root)) return null;
    const path = tilePath({ level, n, width: TILE_WIDTH });
    return fault("tile_differs", `${path} is not what the tile above it says`, n * TILE_WIDTH ** (level + 1));
  }

  /** The root at a size that was announced; null where the tiles do not suffice. */
  rootAt(size: number): Uint8Array | null {
    if (size > this.size) return null;
    const hashes: Uint8Array[] = [];
    for (const node of rootNodes(size)) {
      const { level, n } = tileOfNode(node);
      if (level === 0) break;
      const tile = this.#above.get(`${level}/${n}`);
      const hash = tile === undefined ? null : hashOfNode(tile, node);
      if (hash === null) return null;
      hashes.push(hash);
    }
    if (size % TILE_WIDTH !== 0) {
      const tail = this.#tails.get(size);
      if (tail === undefined) return null;
      hashes.push(tail);
    }
    return foldNodes(hashes);
  }

  /** Whether the entries from `first` on, all of one tile, have these leaf hashes. Names the first that has not. */
  leavesFault(first: number, leaves: readonly Uint8Array[]): Fault | null {
    const n = Math.floor(first / TILE_WIDTH);
    const tile = this.#leaves.get(n);
    if (tile === undefined) {
      const root = this.#roots.get(n);
      if (root !== undefined && leaves.length === TILE_WIDTH && constantTimeEqual(root, rootOfLeaves(leaves)))
        return null;
      return fault(
        "leaf_differs",
        `one of the entries ${first} to ${first + leaves.length - 1} is not in its tile`,
        first,
      );
    }
    const at = leaves.findIndex((leaf, offset) => {
      const place = ((first + offset) % TILE_WIDTH) * HASH_BYTES;
      return !constantTimeEqual(tile.subarray(place, place + HASH_BYTES), leaf);
    });
    return at < 0 ? null : fault("leaf_differs", "the entry is not the one of its tile", first + at);
  }
}
