import { encodeBundle } from "../../../shared/crypto/log/entry-bundle.ts";
import { type Bundle, TILE_WIDTH, type Tile, tileOfNode } from "../../../shared/crypto/log/tiles.ts";
import { HASH_BYTES, rootOfLeaves } from "../../../shared/crypto/log/tree.ts";
import { foldNodes, inclusionNodes, rootNodes, type TreeNode } from "../../../shared/crypto/log/tree-nodes.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Sql } from "../sql.ts";
import { type Bundles, leavesOf, NO_BUNDLES, textsOf } from "./bundles.ts";

// Everything here is about the sealed part of the log: above it there are no nodes.

/** Hashes `[first, first + count)` of height 8 · `level`. May throw `InArchive` at level 0. */
function hashesAt(sql: Sql, level: number, first: number, count: number, bundles: Bundles): Uint8Array[] {
  if (level === 0) return leavesOf(sql, first, count, bundles);
  const rows = sql.all<{ hash: Uint8Array }>(
    "SELECT hash FROM log_node WHERE level = ? AND n >= ? AND n < ? ORDER BY n",
    level,
    first,
    first + count,
  );
  if (rows.length !== count) throw new Error(`nodes of level ${level} from ${first} on are missing`);
  return rows.map(({ hash }) => hash);
}

/** The hash of one node of the tree. May throw `InArchive` for a node below height 8. */
export function nodeAt(sql: Sql, node: TreeNode, bundles: Bundles = NO_BUNDLES): Uint8Array {
  const { level, n, first, count } = tileOfNode(node);
  return rootOfLeaves(hashesAt(sql, level, n * TILE_WIDTH + first, count, bundles));
}

/** RFC 6962 root of the first `size` entries. */
export const rootAt = (sql: Sql, size: number, bundles: Bundles = NO_BUNDLES): Uint8Array =>
  foldNodes(rootNodes(size).map((node) => nodeAt(sql, node, bundles)));

/** Nodes that are known already, by height and index. Good for one step: entries of one task share nearly all of theirs. */
export type KnownNodes = Map<string, Uint8Array>;

/** RFC 6962 §2.1.1 audit path of one entry in the log of `size` entries. May throw `InArchive` for a pruned entry. */
export function inclusionProof(
  sql: Sql,
  index: number,
  size: number,
  bundles: Bundles = NO_BUNDLES,
  known: KnownNodes = new Map(),
): Uint8Array[] {
  const hashOf = (node: TreeNode): Uint8Array => {
    const name = `${node.height}/${node.index}`;
    const hash = known.get(name) ?? nodeAt(sql, node, bundles);
    known.set(name, hash);
    return hash;
  };
  return inclusionNodes(index, size).map((nodes) => foldNodes(nodes.map(hashOf)));
}

/** The bytes of a tile whose entries are all here. */
export function tileBytes(sql: Sql, { level, n, width }: Tile): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(width * HASH_BYTES);
  hashesAt(sql, level, n * TILE_WIDTH, width, NO_BUNDLES).forEach((hash, at) => {
    bytes.set(hash, at * HASH_BYTES);
  });
  return bytes;
}

/** The bytes of a bundle whose entries are all here. */
export const bundleBytes = (sql: Sql, { n, width }: Bundle): Uint8Array<ArrayBuffer> =>
  encodeBundle(textsOf(sql, n * TILE_WIDTH, width).map((text) => utf8(text)));
