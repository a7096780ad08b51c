import { constantTimeEqual } from "../crypto/constant-time-equal.ts";
import { Frontier } from "../crypto/log/frontier.ts";
import { hashesOfTile, TILE_WIDTH, type Tile, tilePath } from "../crypto/log/tiles.ts";
import { HASH_BYTES, rootOfLeaves } from "../crypto/log/tree.ts";
import { type Fault, fault } from "./fault.ts";

/** A tile as an archive keeps it: exactly of its width; null where there is none. */
export type ReadTile = (tile: Tile) => Promise<Uint8Array | null>;

/**
 * Grows a log's tree from its leaf hashes and holds every tile of the archive against it, in memory for one tile a level.
 */
export class LogTree {
  readonly #readTile: ReadTile;
  readonly #frontier = new Frontier(0, []);
  /** Hashes of each level's newest tile, until it is full. */
  readonly #open: Uint8Array[][] = [];
  readonly #full: number[] = [];
  tiles = 0;

  constructor(readTile: ReadTile) {
    this.#readTile = readTile;
  }

  get size(): number {
    return this.#frontier.size;
  }

  root(): Uint8Array {
    return this.#frontier.root();
  }

  /** Adds a leaf; the fault of a tile that it completes. */
  async add(leaf: Uint8Array): Promise<Fault | null> {
    this.#frontier.append(leaf);
    return this.#put(0, leaf);
  }

  /** Leaves whose tile, of `width` in the archive, is not complete yet: the fault of the first that is not the tile's. */
  async peek(width: number): Promise<Fault | null> {
    const hashes = this.#open[0] ?? [];
    const n = this.#full[0] ?? 0;
    const stored = hashes.length === 0 ? null : await this.#readTile({ level: 0, n, width });
    const at = stored === null ? -1 : firstOther(hashes, stored);
    return at < 0 ? null : fault("leaf_differs", "the entry is not the one of its tile", n * TILE_WIDTH + at);
  }

  /** The partial tiles at the right edge. */
  async close(): Promise<Fault | null> {
    for (const [level, hashes] of this.#open.entries()) {
      const wrong = hashes.length === 0 ? null : await this.#compare(level, hashes);
      if (wrong) return wrong;
    }
    return null;
  }

  async #put(level: number, hash: Uint8Array): Promise<Fault | null> {
    const hashes = this.#open[level] ?? [];
    this.#open[level] = hashes;
    hashes.push(hash);
    if (hashes.length < TILE_WIDTH) return null;
    const wrong = await this.#compare(level, hashes);
    if (wrong) return wrong;
    this.#open[level] = [];
    this.#full[level] = (this.#full[level] ?? 0) + 1;
    return this.#put(level + 1, rootOfLeaves(hashes));
  }

  async #compare(level: number, hashes: readonly Uint8Array[]): Promise<Fault | null> {
    const tile = { level, n: this.#full[level] ?? 0, width: hashes.length };
    const entriesEach = TILE_WIDTH ** level;
    const first = tile.n * TILE_WIDTH * entriesEach;
    const stored = await this.#readTile(tile);
    this.tiles++;
    if (stored === null) return fault("tile_missing", `${tilePath(tile)} is missing`, first);
    if (hashesOfTile(stored)?.length !== hashes.length)
      return fault("tile_differs", `${tilePath(tile)} does not have ${hashes.length} hashes`, first);
    const at = firstOther(hashes, stored);
    if (at < 0) return null;
    const index = first + at * entriesEach;
    return level === 0
      ? fault("leaf_differs", "the entry is not the one of its tile", index)
      : fault("tile_differs", `hash ${at} of ${tilePath(tile)} is not the root of the tile below`, index);
  }
}

/** The first of the hashes that is not at its place in the tile; -1 when all are. */
const firstOther = (hashes: readonly Uint8Array[], tile: Uint8Array): number =>
  hashes.findIndex((hash, at) => !constantTimeEqual(hash, tile.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)));
