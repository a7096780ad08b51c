import { EMPTY_ROOT, nodeHash } from "./tree.ts";

/** The perfect subtree over the leaves `[index · 2^height, (index + 1) · 2^height)`. */
export interface TreeNode {
  height: number;
  index: number;
}

function demandSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`tree: ${size} is no size of a log`);
}

/** Largest power of two that is at most `size`, and its exponent; `size` is at least 1. */
function largestPower(size: number): { power: number; height: number } {
  let power = 1;
  let height = 0;
  while (power <= size / 2) {
    power *= 2;
    height++;
  }
  return { power, height };
}

/** Nodes of the subtree over `[start, end)`, left to right; `start` is a multiple of its largest power of two. */
function rangeNodes(start: number, end: number): TreeNode[] {
  const nodes: TreeNode[] = [];
  let at = start;
  while (at < end) {
    const { power, height } = largestPower(end - at);
    nodes.push({ height, index: at / power });
    at += power;
  }
  return nodes;
}

/** RFC 6962 §2.1: a tree of `length` > 1 splits at the largest power of two below `length`. */
const splitOf = (length: number): number => {
  const { power } = largestPower(length);
  return power === length ? length / 2 : power;
};

/** The nodes whose fold is the root of the log with `size` entries, left to right, heights falling; none at size 0. */
export function rootNodes(size: number): TreeNode[] {
  demandSize(size);
  return rangeNodes(0, size);
}

/**
 * RFC 6962 §2.1.1: for each hash of the inclusion proof, from the leaf's sibling upwards, the nodes whose fold it is.
 * Throws `RangeError` unless `index` is in the log.
 */
export function inclusionNodes(index: number, size: number): TreeNode[][] {
  demandSize(size);
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError(`tree: no entry ${index}`);
  const proof: TreeNode[][] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeNodes(middle, end));
      end = middle;
    } else {
      proof.push(rangeNodes(start, middle));
      start = middle;
    }
  }
  return proof.reverse();
}

/**
 * RFC 6962 §2.1.2: for each hash of the consistency proof the nodes whose fold it is; no hash where `from` is 0 or `to`.
 * Throws `RangeError` unless `from` ≤ `to`.
 */
export function consistencyNodes(from: number, to: number): TreeNode[][] {
  demandSize(from);
  demandSize(to);
  if (from > to) throw new RangeError(`tree: a log does not shrink from ${from} to ${to}`);
  if (from === 0) return [];
  const proof: TreeNode[][] = [];
  let start = 0;
  let end = to;
  while (from < end) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      proof.push(rangeNodes(middle, end));
      end = middle;
    } else {
      proof.push(rangeNodes(start, middle));
      start = middle;
    }
  }
  // At the left edge the subtree is the old log itself, whose root the verifier has.
  if (start > 0) proof.push(rangeNodes(start, end));
  return proof.reverse();
}

/** The hash over the given nodes' hashes, left to right as this file lists them; of none it is the empty log's root. */
export function foldNodes(hashes: readonly Uint8Array[]): Uint8Array {
  let folded = hashes.at(-1);
  if (folded === undefined) return new Uint8Array(EMPTY_ROOT);
  for (let at = hashes.length - 2; at >= 0; at--) folded = nodeHash(hashes[at] ?? EMPTY_ROOT, folded);
  return folded;
}
