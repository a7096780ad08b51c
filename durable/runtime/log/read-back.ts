import { decodeBundle } from "../../../shared/crypto/log/entry-bundle.ts";
import { entriesPath, hashesOfTile, TILE_WIDTH, type Tile, tilePath } from "../../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves } from "../../../shared/crypto/log/tree.ts";
import { FaultFound, type LogArchive, sameBytes } from "./archive.ts";

/** What the object's own tree says of a tile: its hash as a node where it is full, its bytes where it is not. */
export interface ReadBackSteps {
  nodeOf(tile: Tile): Promise<Uint8Array>;
  hashesOf(tile: Tile): Promise<Uint8Array>;
}

/** The last tile of every level of a log of that size, full or partial. */
export function edgeTiles(size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    const n = Math.ceil(count / TILE_WIDTH) - 1;
    tiles.push({ level, n, width: count - n * TILE_WIDTH });
  }
  return tiles;
}

/** The full tiles that end with bundle `n`: its own, and those above that it is the first of. */
export function fullTilesAt(n: number, size: number): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, at = n; ; level++, at /= TILE_WIDTH) {
    if ((at + 1) * TILE_WIDTH ** (level + 1) > size) return tiles;
    tiles.push({ level, n: at, width: TILE_WIDTH });
    if (at % TILE_WIDTH !== 0) return tiles;
  }
}

/** Reads a published tile back, of level 0 its entries too. Throws `FaultFound` where it is not what was published. */
export async function readBack(tile: Tile, archive: LogArchive, steps: ReadBackSteps): Promise<void> {
  const full = tile.width === TILE_WIDTH;
  const expected = full ? await steps.nodeOf(tile) : await steps.hashesOf(tile);
  const bytes = await archive.readTile(tile);
  const path = tilePath(tile);
  if (!bytes) throw new FaultFound("tile_missing", `${path} is missing`);
  const hashes = full ? hashesOfTile(bytes) : null;
  const found = full ? hashes?.length === TILE_WIDTH && rootOfLeaves(hashes) : bytes;
  if (!found || !sameBytes(found, expected)) throw new FaultFound("tile_altered", `${path} is not what was published`);
  if (tile.level === 0) await readEntriesBack(tile, archive, expected);
}

async function readEntriesBack(tile: Tile, archive: LogArchive, expected: Uint8Array): Promise<void> {
  const path = entriesPath(tile);
  const bytes = await archive.readBundle(tile);
  if (!bytes) throw new FaultFound("tile_missing", `${path} is missing`);
  const entries = decodeBundle(bytes);
  const leaves = entries.ok && entries.value.length === tile.width ? entries.value.map(leafHash) : null;
  const found = leaves && (tile.width === TILE_WIDTH ? rootOfLeaves(leaves) : joined(leaves));
  if (!found || !sameBytes(found, expected)) throw new FaultFound("tile_altered", `${path} is not what was published`);
}

function joined(hashes: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(hashes.length * 32);
  hashes.forEach((hash, at) => {
    bytes.set(hash, at * 32);
  });
  return bytes;
}
