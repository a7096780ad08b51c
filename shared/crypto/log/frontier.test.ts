import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { utf8 } from "../utf8.ts";
import { emptyFrontier, frontierAt, frontierFromBytes } from "./frontier.ts";
import { EMPTY_ROOT, leafHash, rootOfLeaves } from "./tree.ts";
import { rootNodes } from "./tree-nodes.ts";

const leaves = Array.from({ length: 66_000 }, (_, index) => leafHash(utf8(`entry ${index}`)));
const leaf = (index: number) => leaves[index] ?? EMPTY_ROOT;
const grown = (size: number) => {
  const frontier = emptyFrontier();
  for (let index = 0; index < size; index++) frontier.append(leaf(index));
  return frontier;
};

describe("a frontier", () => {
  it("has the root of the whole log after every append", () => {
    const frontier = emptyFrontier();
    expect(frontier.root()).toEqual(EMPTY_ROOT);
    for (let size = 1; size <= 300; size++) {
      frontier.append(leaf(size - 1));
      expect(frontier.root(), `size ${size}`).toEqual(rootOfLeaves(leaves.slice(0, size)));
    }
    expect(frontier.size).toBe(300);
  });

  it("goes on from its bytes and from its nodes as if never stopped, so that a restart forks no log", () => {
    fc.assert(
      fc.property(fc.nat({ max: 600 }), fc.nat({ max: 300 }), (before, more) => {
        const kept = grown(before).toBytes();
        const restored = frontierFromBytes(kept);
        const nodes = rootNodes(before).map(({ height, index }) =>
          rootOfLeaves(leaves.slice(index * 2 ** height, (index + 1) * 2 ** height)),
        );
        const rebuilt = frontierAt(before, nodes);
        expect(rebuilt.toBytes()).toEqual(kept);
        for (let index = before; index < before + more; index++) {
          restored?.append(leaf(index));
          rebuilt.append(leaf(index));
        }
        const root = rootOfLeaves(leaves.slice(0, before + more));
        expect([restored?.root(), rebuilt.root(), restored?.size]).toEqual([root, root, before + more]);
      }),
      { numRuns: 30 },
    );
  });

  it("tells each subtree of a full tile once, with its hash", { timeout: 60_000 }, () => {
    const told: string[] = [];
    const frontier = emptyFrontier();
    leaves.forEach((hash) => {
      frontier.append(hash, (height, index, node) => {
        told.push(`${height}/${index}`);
        const span = 2 ** height;
        expect(node).toEqual(rootOfLeaves(leaves.slice(index * span, (index + 1) * span)));
      });
    });
    const tiles = Array.from({ length: Math.floor(leaves.length / 256) }, (_, index) => `8/${index}`);
    tiles.splice(256, 0, "16/0");
    expect(told).toEqual(tiles);
  });

  it("is not changed through what it gives out or took in", () => {
    const taken = leaf(0).slice();
    const frontier = emptyFrontier();
    frontier.append(taken);
    const copy = frontier.clone();
    taken.fill(0);
    frontier.hashes()[0]?.fill(0);
    frontier.root().fill(0);
    copy.append(leaf(1));
    expect([frontier.root(), frontier.size, copy.size]).toEqual([leaf(0), 1, 2]);
  });

  it("does not come from bytes or hashes of another size, so that a damaged row is no shorter log", () => {
    const bytes = grown(5).toBytes();
    const resized = (size: bigint) => {
      const copy = bytes.slice();
      new DataView(copy.buffer).setBigUint64(0, size);
      return copy;
    };
    expect(frontierFromBytes(resized(6n))?.size).toBe(6);
    for (const bad of [bytes.subarray(0, 7), bytes.subarray(1), bytes.subarray(0, -32), resized(4n), resized(7n)])
      expect(frontierFromBytes(bad)).toBeNull();
    expect(frontierFromBytes(resized(2n ** 53n))).toBeNull();
    expect(() => frontierAt(3, [leaf(0)])).toThrow(RangeError);
    expect(() => frontierAt(1, [leaf(0).subarray(1)])).toThrow(RangeError);
    expect(() => emptyFrontier().append(new Uint8Array(31))).toThrow(RangeError);
    expect(() => frontierAt(Number.MAX_SAFE_INTEGER, leaves.slice(0, 53)).append(leaf(0))).toThrow(RangeError);
  });
});
