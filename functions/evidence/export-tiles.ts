import { TILE_WIDTH, type Tile } from "../../shared/crypto/log/tiles.ts";

/**
 * The hash tiles from which the root of a log of `size` entries follows, given the entries `[first, end)`: their level-0
 * tiles with all ancestors, and the partial tile of every level that has one. By level, then by place.
 */
export function* exportTiles(first: number, end: number, size: number): Generator<Tile> {
  let hashes = size;
  let [from, to] = [first, end - 1];
  for (let level = 0; hashes > 0; level++) {
    const tiles = Math.ceil(hashes / TILE_WIDTH);
    const width = (n: number) => Math.min(TILE_WIDTH, hashes - n * TILE_WIDTH);
    [from, to] = [Math.floor(from / TILE_WIDTH), Math.floor(to / TILE_WIDTH)];
    const last = end > first ? Math.min(to, tiles - 1) : from - 1;
    for (let n = from; n <= last; n++) yield { level, n, width: width(n) };
    const edge = tiles - 1;
    if (width(edge) < TILE_WIDTH && (edge > last || edge < from)) yield { level, n: edge, width: width(edge) };
    hashes = Math.floor(hashes / TILE_WIDTH);
  }
}

/** How many `exportTiles` yields, without making them. */
export function exportTilesCount(first: number, end: number, size: number): number {
  let count = 0;
  for (const _ of exportTiles(first, end, size)) count++;
  return count;
}
