import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../utf8.ts";
import {
  entriesPath,
  hashesOfTile,
  hashOfNode,
  newTiles,
  parseTilePath,
  type Tile,
  tileOfNode,
  tilePath,
  tilesOf,
} from "./tiles.ts";
import { EMPTY_ROOT, leafHash, rootOfLeaves } from "./tree.ts";
import { foldNodes, rootNodes, type TreeNode } from "./tree-nodes.ts";

const key = ({ level, n }: Pick<Tile, "level" | "n">) => `${level}/${n}`;

/** The served log: each tile's bytes under its level and number, made by the definition in tlog-tiles. */
function served(leaves: Uint8Array[]): Map<string, Uint8Array> {
  const tiles = new Map<string, Uint8Array>();
  for (const { level, n, width } of newTiles(0, leaves.length)) {
    const hashes = Array.from({ length: width }, (_, i) => {
      const span = 256 ** level;
      return rootOfLeaves(leaves.slice((n * 256 + i) * span, (n * 256 + i + 1) * span));
    });
    tiles.set(key({ level, n }), Uint8Array.from(hashes.flatMap((hash) => [...hash])));
  }
  return tiles;
}

describe("tiles of a log that grows", () => {
  it.each([
    [5, 3],
    [-1, 3],
    [0.5, 3],
    [0, 2.5],
    [0, 2 ** 53],
    [Number.NaN, 1],
  ])("are none from %d to %d entries, which is no growth", (from, to) => {
    expect(() => newTiles(from, to)).toThrow(RangeError);
  });

  it("are none for a log that stays as it is, and at no place that a log cannot have", () => {
    expect([newTiles(300, 300), tilesOf(0)]).toEqual([[], []]);
    expect(() => tilePath({ level: 0, n: -1, width: 256 })).toThrow(RangeError);
    expect(() => entriesPath({ n: 2 ** 45, width: 256 })).toThrow(RangeError);
  });
});

describe("tile paths", () => {
  it("are those of the specification, so that other clients find our tiles", () => {
    expect(tilePath({ level: 0, n: 1_234_067, width: 256 })).toBe("tile/0/x001/x234/067");
    expect(tilePath({ level: 1, n: 0, width: 17 })).toBe("tile/1/000.p/17");
    expect(tilePath({ level: 0, n: 273, width: 112 })).toBe("tile/0/273.p/112");
    expect(entriesPath({ n: 1_000, width: 256 })).toBe("tile/entries/x001/000");
    expect(entriesPath({ n: 999, width: 1 })).toBe("tile/entries/999.p/1");
  });

  it("are read back to what they were written from", () => {
    const tile = fc.record({
      level: fc.integer({ min: 0, max: 4 }),
      n: fc.oneof(fc.nat({ max: 31 }), fc.nat({ max: 5_000 })),
      width: fc.integer({ min: 1, max: 256 }),
    });
    fc.assert(
      fc.property(tile, ({ level, n, width }) => {
        expect(parseTilePath(tilePath({ level, n, width }))).toEqual({ kind: "tile", level, n, width });
        expect(parseTilePath(entriesPath({ n, width }))).toEqual({ kind: "entries", n, width });
      }),
    );
    const last = { level: 0, n: Math.floor(Number.MAX_SAFE_INTEGER / 256) - 1, width: 256 };
    expect(parseTilePath(tilePath(last))).toEqual({ kind: "tile", ...last });
  });

  it("have one spelling a resource, so that no cache or lock is passed by another name", () => {
    const others = [
      "",
      "tile",
      "tile/0",
      "tile/0/",
      "tile/0/0",
      "tile/0/00",
      "tile/0/0000",
      "tile/0/x001",
      "tile/0/001/002",
      "tile/0/x000/001",
      "tile/0/x001/x002",
      "tile/00/000",
      "tile/64/000",
      "tile/7/000",
      "tile/-1/000",
      "tile/0/000.p/0",
      "tile/0/000.p/256",
      "tile/0/000.p/01",
      "tile/0/000.p/",
      "tile/0/000.p",
      "tile/0/000/",
      "/tile/0/000",
      "tile/0/000\n",
      "tile/0/000.p/1\n",
      "tile/0/X001/002",
      "tile/entries/0",
      "tile/Entries/000",
      "tile/0/../000",
      "tile/0/%30%30%30",
      "tile/0/٠٠٠",
      "tile/0/x999/x999/x999/x999/x999/999",
      "tile/0/x035/x184/x372/x088/832",
    ];
    for (const path of others) expect(parseTilePath(path), path).toBeNull();
  });

  it("exist only for tiles that a log can have", () => {
    for (const tile of [
      { level: 7, n: 0, width: 1 },
      { level: -1, n: 0, width: 1 },
      { level: 0, n: 0.5, width: 1 },
      { level: 0, n: 0, width: 0 },
      { level: 0, n: 0, width: 257 },
      { level: 0, n: 2 ** 45, width: 1 },
      { level: 6, n: 0, width: 32 },
    ])
      expect(() => tilePath(tile), JSON.stringify(tile)).toThrow(RangeError);
  });
});

describe("the tiles of a log", () => {
  it("are those of the specification's example of 70,000 entries", () => {
    const tiles = newTiles(0, 70_000);
    const count = (level: number, full: boolean) =>
      tiles.filter((tile) => tile.level === level && (tile.width === 256) === full).length;
    expect([count(0, true), count(1, true), count(2, true)]).toEqual([273, 1, 0]);
    expect(tilesOf(70_000)).toEqual([
      { level: 0, n: 273, width: 112 },
      { level: 1, n: 1, width: 17 },
      { level: 2, n: 0, width: 1 },
    ]);
    expect(tiles.filter(({ width }) => width < 256)).toEqual(tilesOf(70_000));
    expect(newTiles(0, 256)).toEqual([
      { level: 0, n: 0, width: 256 },
      { level: 1, n: 0, width: 1 },
    ]);
    expect(tilesOf(256)).toEqual([{ level: 1, n: 0, width: 1 }]);
    expect([tilesOf(0), newTiles(7, 7), newTiles(0, 0)]).toEqual([[], [], []]);
  });

  it("are published by growth in steps as by growth at once, so that no tile of a checkpoint is ever missing", () => {
    const steps = fc.array(fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 70_000 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(steps, (grown) => {
        const widest = new Map<string, number>();
        let size = 0;
        for (const more of grown) {
          for (const tile of newTiles(size, size + more)) {
            expect(tile.width).toBeGreaterThan(widest.get(key(tile)) ?? 0);
            widest.set(key(tile), tile.width);
          }
          size += more;
          for (const tile of tilesOf(size)) expect(widest.get(key(tile))).toBe(tile.width);
        }
        expect(widest).toEqual(new Map(newTiles(0, size).map((tile) => [key(tile), tile.width])));
      }),
      { numRuns: 30 },
    );
  });

  it("hold every node of the tree, so that root and proofs come from tiles alone", { timeout: 60_000 }, () => {
    const leaves = Array.from({ length: 66_000 }, (_, index) => leafHash(utf8(`entry ${index}`)));
    for (const size of [1, 255, 256, 257, 700, 66_000]) {
      const mine = leaves.slice(0, size);
      const tiles = served(mine);
      const read = (node: TreeNode) => hashOfNode(tiles.get(key(tileOfNode(node))) ?? new Uint8Array(), node);
      const hashes = rootNodes(size).map((node) => read(node) ?? EMPTY_ROOT);
      expect(foldNodes(hashes)).toEqual(rootOfLeaves(mine));
    }
  });

  it("give no hash where a tile does not reach, so that a cut tile is no other tree", () => {
    const hashes = [0, 1, 2].map((n) => leafHash(Uint8Array.of(n)));
    const tile = Uint8Array.from(hashes.flatMap((hash) => [...hash]));
    expect(hashOfNode(tile, { height: 1, index: 0 })).toEqual(rootOfLeaves(hashes.slice(0, 2)));
    expect(hashOfNode(tile, { height: 1, index: 1 })).toBeNull();
    expect(hashOfNode(tile.subarray(0, 95), { height: 0, index: 2 })).toBeNull();
    expect(tileOfNode({ height: 9, index: 200 })).toEqual({ level: 1, n: 1, first: 144, count: 2 });
    expect(hashesOfTile(tile)).toEqual(hashes);
    for (const length of [0, 31, 33, 257 * 32]) expect(hashesOfTile(new Uint8Array(length))).toBeNull();
  });
});
