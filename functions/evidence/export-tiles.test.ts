import fc from "fast-check";
import { expect, it } from "vitest";
import { hashOfNode, type Tile, tileOfNode, tilePath } from "../../shared/crypto/log/tiles.ts";
import { leafHash, rootOfLeaves } from "../../shared/crypto/log/tree.ts";
import { foldNodes, rootNodes } from "../../shared/crypto/log/tree-nodes.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import { exportTiles, exportTilesCount } from "./export-tiles.ts";

const leaves = Array.from({ length: 70_000 }, (_, at) => leafHash(utf8(String(at))));

const above = (hashes: readonly Uint8Array[]) =>
  Array.from({ length: Math.floor(hashes.length / 256) }, (_, at) =>
    rootOfLeaves(hashes.slice(at * 256, (at + 1) * 256)),
  );
const levels = [leaves, above(leaves), above(above(leaves))];

const bytesOf = ({ level, n, width }: Tile): Uint8Array =>
  Buffer.concat((levels[level] ?? []).slice(n * 256, n * 256 + width));

const roots = new Map<number, Uint8Array>();
function rootAt(size: number): Uint8Array {
  const full = Math.floor(size / 256);
  const rest = leaves.slice(full * 256, size);
  // A tile's root stands for its 256 leaves, and what is left of them at the edge for itself.
  const over = [...(levels[1] ?? []).slice(0, full), ...(rest.length > 0 ? [rootOfLeaves(rest)] : [])];
  const root = roots.get(size) ?? rootOfLeaves(over);
  roots.set(size, root);
  return root;
}

it("are enough for the root, whatever is exported of whatever log, so that an export proves itself offline", () => {
  const sizes = fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.constantFrom(256, 257, 65_536, 65_537, 69_888, 70_000));
  const ranges = sizes.chain((size) =>
    fc
      .tuple(fc.constant(size), fc.nat(size - 1))
      .chain(([of, first]) =>
        fc.tuple(fc.constant(of), fc.constant(first), fc.integer({ min: first + 1, max: Math.min(of, first + 600) })),
      ),
  );
  fc.assert(
    fc.property(ranges, ([size, first, end]) => {
      const tiles = [...exportTiles(first, end, size)];
      const named = new Map(tiles.map((tile) => [`${tile.level}/${tile.n}`, tile]));
      expect(named.size).toBe(tiles.length);
      expect(exportTilesCount(first, end, size)).toBe(tiles.length);
      const hashes = rootNodes(size).map((node) => {
        const { level, n } = tileOfNode(node);
        const tile = named.get(`${level}/${n}`);
        if (tile === undefined) throw new Error(`no tile for a node of the root at ${size}`);
        return hashOfNode(bytesOf(tile), node) ?? expect.fail("the tile is too short");
      });
      expect(Buffer.from(foldNodes(hashes)).equals(rootAt(size))).toBe(true);
      const missing = Array.from({ length: end - first }, (_, at) => first + at).filter(
        (at) => (named.get(`0/${Math.floor(at / 256)}`)?.width ?? 0) <= at % 256,
      );
      expect(missing).toEqual([]);
      // Each full tile has the parent that holds its root, so that every exported leaf is under the root.
      for (const { level, n, width } of tiles)
        if (width === 256 && 256 ** (level + 1) <= size)
          expect(named.has(`${level + 1}/${Math.floor(n / 256)}`), `${level}/${n} of ${size}`).toBe(true);
    }),
    { numRuns: 40 },
  );
});

it("come by level and place, at the width that the checkpoint has", () => {
  expect([...exportTiles(300, 302, 70_000)].map(tilePath)).toEqual([
    "tile/0/001",
    "tile/0/273.p/112",
    "tile/1/000",
    "tile/1/001.p/17",
    "tile/2/000.p/1",
  ]);
});
