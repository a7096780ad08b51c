import { HASH_BYTES, rootOfLeaves } from "./tree.ts";
import type { TreeNode } from "./tree-nodes.ts";

/** C2SP tlog-tiles: hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;

/** Hashes `[n · 256, n · 256 + width)` of height `8 · level`; 256 wide is full. */
export interface Tile {
  level: number;
  n: number;
  width: number;
}

/** Entries `[n · 256, n · 256 + width)`. */
export type Bundle = Omit<Tile, "level">;

export type TilePath = ({ kind: "tile" } & Tile) | ({ kind: "entries" } & Bundle);

/** Whether a log of a safe integer's size can have the tile: levels 0 to 6, and as many tiles as fit. */
const canExist = ({ level, n, width }: Tile): boolean =>
  Number.isInteger(level) &&
  level >= 0 &&
  Number.isSafeInteger(n) &&
  n >= 0 &&
  Number.isInteger(width) &&
  width >= 1 &&
  width <= TILE_WIDTH &&
  (n * TILE_WIDTH + width) * TILE_WIDTH ** level <= Number.MAX_SAFE_INTEGER;

/** 1234067 → `x001/x234/067`. */
function groupsOf(n: number): string {
  const digits = String(n);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  return padded.replaceAll(/\d{3}(?=\d)/g, "x$&/");
}

function suffixed(folder: string, tile: Tile): string {
  if (!canExist(tile)) throw new RangeError(`tiles: no log has ${JSON.stringify(tile)}`);
  return `${folder}/${groupsOf(tile.n)}${tile.width === TILE_WIDTH ? "" : `.p/${tile.width}`}`;
}

/** `tile/<L>/<N>[.p/<W>]`, relative to the log's prefix. Throws `RangeError` for a tile that no log can have. */
export const tilePath = (tile: Tile): string => suffixed(`tile/${tile.level}`, tile);

/** `tile/entries/<N>[.p/<W>]`, in the same way. */
export const entriesPath = ({ n, width }: Bundle): string => suffixed("tile/entries", { level: 0, n, width });

const PATH =
  /^tile\/(?:(entries)|(\d|[1-9]\d))\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]|[1-9]\d|1\d\d|2[0-4]\d|25[0-5]))?$/;

/** Exactly what `tilePath` and `entriesPath` write; null for any other text, so that each resource has one address. */
export function parseTilePath(path: string): TilePath | null {
  const [, entries, level, groups, width] = PATH.exec(path) ?? [];
  // A group of zeros before others says nothing: `x000/001` is `001`.
  if (groups === undefined || groups.startsWith("x000/")) return null;
  const tile = {
    level: Number(level ?? 0),
    n: Number(groups.replaceAll(/[x/]/g, "")),
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  if (!canExist(tile)) return null;
  return entries === undefined ? { kind: "tile", ...tile } : { kind: "entries", n: tile.n, width: tile.width };
}

function demandGrowth(from: number, to: number): void {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to)
    throw new RangeError(`tiles: a log does not grow from ${from} to ${to}`);
}

/** The right edge of a log: its partial tiles, from level 0 upwards. A tile that is full is never at the edge. */
export function tilesOf(size: number): Tile[] {
  demandGrowth(0, size);
  const tiles: Tile[] = [];
  let hashes = size;
  for (let level = 0; hashes > 0; level++) {
    const width = hashes % TILE_WIDTH;
    hashes = Math.floor(hashes / TILE_WIDTH);
    if (width > 0) tiles.push({ level, n: hashes, width });
  }
  return tiles;
}

/**
 * Every tile, full or partial, that a log grown from `from` to `to` entries has and did not have before: level by level,
 * left to right. The level-0 ones name the entry bundles too. Throws `RangeError` unless 0 ≤ `from` ≤ `to`.
 */
export function newTiles(from: number, to: number): Tile[] {
  demandGrowth(from, to);
  const tiles: Tile[] = [];
  let before = from;
  let after = to;
  for (let level = 0; after > before; level++) {
    for (let n = Math.floor(before / TILE_WIDTH); n * TILE_WIDTH < after; n++)
      tiles.push({ level, n, width: Math.min(TILE_WIDTH, after - n * TILE_WIDTH) });
    before = Math.floor(before / TILE_WIDTH);
    after = Math.floor(after / TILE_WIDTH);
  }
  return tiles;
}

/** The hashes `[first, first + count)` of tile (`level`, `n`) whose fold is the node. */
export interface TileSlice {
  level: number;
  n: number;
  first: number;
  count: number;
}

/** Where a node lies: a node of height h is the fold of 2^(h mod 8) hashes of a tile of level ⌊h/8⌋. */
export function tileOfNode({ height, index }: TreeNode): TileSlice {
  const count = 2 ** (height % TILE_HEIGHT);
  const at = index * count;
  return { level: Math.floor(height / TILE_HEIGHT), n: Math.floor(at / TILE_WIDTH), first: at % TILE_WIDTH, count };
}

/** The 32-byte hashes of a tile's bytes; null unless there are 1 to 256 whole ones. */
export function hashesOfTile(tileHashes: Uint8Array): Uint8Array[] | null {
  const width = tileHashes.length / HASH_BYTES;
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) return null;
  // Not `slice`: of Node's Buffer that is a view.
  return Array.from(
    { length: width },
    (_, at) => new Uint8Array(tileHashes.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES)),
  );
}

/** The node's hash out of the bytes of its tile (`tileOfNode`); null if they do not reach so far. */
export function hashOfNode(tileHashes: Uint8Array, node: TreeNode): Uint8Array | null {
  const { first, count } = tileOfNode(node);
  const slice = tileHashes.subarray(first * HASH_BYTES, (first + count) * HASH_BYTES);
  if (slice.length !== count * HASH_BYTES) return null;
  const hashes = hashesOfTile(slice);
  return hashes === null ? null : rootOfLeaves(hashes);
}
