import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../hex.ts";
import { utf8 } from "../utf8.ts";
import { decodeBase64 } from "./base64.ts";
import { EMPTY_ROOT, leafHash, nodeHash, rootOfLeaves, verifyConsistency, verifyInclusion } from "./tree.ts";
import { consistencyNodes, foldNodes, inclusionNodes, rootNodes, type TreeNode } from "./tree-nodes.ts";

const vectors = new URL("../../../../shared/vectors/merkle/proofs.json.gz", import.meta.url);
const present = existsSync(vectors);
if (!present) console.warn("skipped: the RFC 6962 proof vectors are not on this machine");

/** A hash of the wrong length where the vector has text that is no hash. */
const bytes = (text: string): Uint8Array => decodeBase64(text) ?? new Uint8Array(1);
const entries = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const leaves = Array.from({ length: 70 }, (_, index) => leafHash(utf8(`entry ${index}`)));
const hashOf = ({ height, index }: TreeNode) =>
  rootOfLeaves(leaves.slice(index * 2 ** height, (index + 1) * 2 ** height));
const proofOf = (nodes: TreeNode[][]) => nodes.map((list) => foldNodes(list.map(hashOf)));
const flipped = (hash: Uint8Array, bit: number) => {
  const copy = hash.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};
const bit = fc.integer({ min: 0, max: 255 });

/** RFC 6962 §2.1 as the text defines it, by recursion. */
function definedRoot(hashes: Uint8Array[]): Uint8Array {
  const [only] = hashes;
  if (only === undefined) return EMPTY_ROOT;
  if (hashes.length === 1) return only;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  return nodeHash(definedRoot(hashes.slice(0, split)), definedRoot(hashes.slice(split)));
}

describe("the tree", () => {
  it("takes no hash of another length on either side, so that nobody shifts bytes from one hash into the next", () => {
    const [hash, short] = [EMPTY_ROOT, EMPTY_ROOT.slice(1)];
    for (const [left, right] of [
      [short, hash],
      [hash, short],
      [new Uint8Array(33), new Uint8Array(31)],
    ] as const)
      expect(() => nodeHash(left, right)).toThrow(RangeError);
    expect(() => rootOfLeaves([short])).toThrow(RangeError);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "proves nothing about a place or a size of %d, which no log has",
    (odd) => {
      const [leaf] = leaves;
      if (!leaf) throw new Error("no leaf");
      const one = { index: 0, size: 1, leaf, proof: [], root: leaf };
      expect(verifyInclusion(one)).toBe(true);
      expect([verifyInclusion({ ...one, index: odd }), verifyInclusion({ ...one, size: odd })]).toEqual([false, false]);
    },
  );

  it("has the root that RFC 6962 implementations agree on, so that others can verify our log", () => {
    const root = rootOfLeaves(entries.map((entry) => leafHash(decodeHex(entry) ?? new Uint8Array(1))));
    expect(encodeHex(root)).toBe("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    expect(encodeHex(EMPTY_ROOT)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(rootOfLeaves([])).toEqual(EMPTY_ROOT);
  });

  it("is the RFC's recursive definition at every size", () => {
    for (let size = 0; size <= leaves.length; size++)
      expect(rootOfLeaves(leaves.slice(0, size)), `size ${size}`).toEqual(definedRoot(leaves.slice(0, size)));
  });

  it("keeps leaves and nodes apart, so that a node never passes for an entry", () => {
    const [left, right] = [leafHash(utf8("a")), leafHash(utf8("b"))];
    expect(nodeHash(left, right)).not.toEqual(leafHash(Uint8Array.of(...left, ...right)));
    expect(() => nodeHash(left, right.subarray(1))).toThrow(RangeError);
    expect(() => rootOfLeaves([left.subarray(1)])).toThrow(RangeError);
  });
});

interface Vector {
  desc: string;
  wantErr: boolean;
  proof: string[] | null;
  leafIdx?: number;
  treeSize?: number;
  leafHash?: string;
  root?: string;
  size1?: number;
  size2?: number;
  root1?: string;
  root2?: string;
}

describe("proofs", () => {
  it.skipIf(!present)("are judged as the published vectors judge them, so that no broken proof passes here", () => {
    const cases: Record<string, Vector> = JSON.parse(gunzipSync(readFileSync(vectors)).toString("utf8"));
    let inclusion = 0;
    let consistency = 0;
    for (const [name, vector] of Object.entries(cases)) {
      const proof = (vector.proof ?? []).map(bytes);
      if (name.startsWith("inclusion/")) {
        const { leafIdx: index = -1, treeSize: size = -1, leafHash: leaf = "", root = "" } = vector;
        const verdict = verifyInclusion({ index, size, leaf: bytes(leaf), proof, root: bytes(root) });
        expect(verdict, name).toBe(!vector.wantErr);
        inclusion++;
      } else if (name.startsWith("consistency/")) {
        const { size1: from = -1, size2: to = -1, root1 = "", root2 = "" } = vector;
        const verdict = verifyConsistency({ from, to, fromRoot: bytes(root1), toRoot: bytes(root2), proof });
        expect(verdict, name).toBe(!vector.wantErr);
        consistency++;
      }
    }
    expect([inclusion, consistency]).toEqual([49, 55]);
  });

  it("verify for every entry of every size, and for every growth", () => {
    for (let size = 0; size <= 40; size++) {
      const root = rootOfLeaves(leaves.slice(0, size));
      expect(foldNodes(rootNodes(size).map(hashOf))).toEqual(root);
      for (let index = 0; index < size; index++) {
        const claim = {
          index,
          size,
          leaf: leaves[index] ?? EMPTY_ROOT,
          proof: proofOf(inclusionNodes(index, size)),
          root,
        };
        expect(verifyInclusion(claim), `${index} of ${size}`).toBe(true);
      }
      for (let from = 0; from <= size; from++) {
        const fromRoot = rootOfLeaves(leaves.slice(0, from));
        const claim = { from, to: size, fromRoot, toRoot: root, proof: proofOf(consistencyNodes(from, size)) };
        expect(verifyConsistency(claim), `${from} to ${size}`).toBe(true);
      }
    }
  });

  it("of inclusion fail with any bit flipped, hash lost, added or swapped, or at another place", () => {
    const places = fc
      .integer({ min: 1, max: 70 })
      .chain((size) => fc.tuple(fc.nat({ max: size - 1 }), fc.constant(size)));
    fc.assert(
      fc.property(places, bit, fc.nat({ max: 6 }), ([index, size], at, which) => {
        const proof = proofOf(inclusionNodes(index, size));
        const leaf = leaves[index] ?? EMPTY_ROOT;
        const claim = { index, size, leaf, proof, root: rootOfLeaves(leaves.slice(0, size)) };
        expect(verifyInclusion({ ...claim, leaf: flipped(leaf, at) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: flipped(claim.root, at) })).toBe(false);
        expect(verifyInclusion({ ...claim, proof: [...proof, EMPTY_ROOT] })).toBe(false);
        expect(verifyInclusion({ ...claim, index: (index + 1) % size || size })).toBe(false);
        if (proof.length === 0) return;
        const place = which % proof.length;
        expect(verifyInclusion({ ...claim, proof: proof.map((h, n) => (n === place ? flipped(h, at) : h)) })).toBe(
          false,
        );
        expect(verifyInclusion({ ...claim, proof: proof.filter((_, n) => n !== place) })).toBe(false);
        if (proof.length > 1) expect(verifyInclusion({ ...claim, proof: proof.toReversed() })).toBe(false);
      }),
    );
  });

  it("of consistency fail with any bit flipped, or hash lost or added, so that a fork never looks like growth", () => {
    const growths = fc
      .integer({ min: 1, max: 70 })
      .chain((to) => fc.tuple(fc.integer({ min: 1, max: to }), fc.constant(to)));
    fc.assert(
      fc.property(growths, bit, fc.nat({ max: 7 }), ([from, to], at, which) => {
        const proof = proofOf(consistencyNodes(from, to));
        const fromRoot = rootOfLeaves(leaves.slice(0, from));
        const claim = { from, to, fromRoot, toRoot: rootOfLeaves(leaves.slice(0, to)), proof };
        expect(verifyConsistency({ ...claim, fromRoot: flipped(fromRoot, at) })).toBe(false);
        expect(verifyConsistency({ ...claim, toRoot: flipped(claim.toRoot, at) })).toBe(false);
        expect(verifyConsistency({ ...claim, proof: [...proof, EMPTY_ROOT] })).toBe(false);
        expect(verifyConsistency({ ...claim, to: from - 1 })).toBe(false);
        if (proof.length === 0) return;
        const place = which % proof.length;
        expect(verifyConsistency({ ...claim, proof: proof.map((h, n) => (n === place ? flipped(h, at) : h)) })).toBe(
          false,
        );
        expect(verifyConsistency({ ...claim, proof: proof.filter((_, n) => n !== place) })).toBe(false);
      }),
    );
  });

  it("are false, not an exception, for sizes and hashes that make no sense", () => {
    const [leaf = EMPTY_ROOT] = leaves;
    for (const odd of [-1, 0.5, Number.NaN, 2 ** 53, Infinity]) {
      expect(verifyInclusion({ index: odd, size: 8, leaf, proof: [], root: leaf })).toBe(false);
      expect(verifyInclusion({ index: 0, size: odd, leaf, proof: [], root: leaf })).toBe(false);
      expect(verifyConsistency({ from: odd, to: 8, fromRoot: leaf, toRoot: leaf, proof: [] })).toBe(false);
      expect(verifyConsistency({ from: 1, to: odd, fromRoot: leaf, toRoot: leaf, proof: [] })).toBe(false);
    }
    const short = leaf.subarray(1);
    expect(verifyInclusion({ index: 0, size: 1, leaf: short, proof: [], root: short })).toBe(false);
    expect(verifyInclusion({ index: 0, size: 2, leaf, proof: [short], root: leaf })).toBe(false);
    expect(verifyConsistency({ from: 1, to: 1, fromRoot: short, toRoot: short, proof: [] })).toBe(false);
    expect(verifyConsistency({ from: 0, to: 0, fromRoot: leaf, toRoot: leaf, proof: [] })).toBe(false);
  });

  it("work past 32 bits, so that a log may grow to 2^53 − 1 entries", () => {
    const size = 2 ** 40 + 3;
    const [a = EMPTY_ROOT, b = EMPTY_ROOT, c = EMPTY_ROOT, big = EMPTY_ROOT] = leaves;
    expect(rootNodes(size)).toEqual([
      { height: 40, index: 0 },
      { height: 1, index: 2 ** 39 },
      { height: 0, index: 2 ** 40 + 2 },
    ]);
    const root = foldNodes([big, nodeHash(a, b), c]);
    expect(inclusionNodes(size - 1, size)).toEqual([[{ height: 1, index: 2 ** 39 }], [{ height: 40, index: 0 }]]);
    expect(verifyInclusion({ index: size - 1, size, leaf: c, proof: [nodeHash(a, b), big], root })).toBe(true);
    expect(
      verifyConsistency({
        from: 2 ** 40,
        to: size,
        fromRoot: big,
        toRoot: root,
        proof: [foldNodes([nodeHash(a, b), c])],
      }),
    ).toBe(true);
    expect(rootNodes(Number.MAX_SAFE_INTEGER)).toHaveLength(53);
  });

  it("are listed only for entries and sizes that exist", () => {
    expect(() => inclusionNodes(5, 5)).toThrow(RangeError);
    expect(() => inclusionNodes(-1, 5)).toThrow(RangeError);
    expect(() => consistencyNodes(6, 5)).toThrow(RangeError);
    expect(() => rootNodes(1.5)).toThrow(RangeError);
  });
});
