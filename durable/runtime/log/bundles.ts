import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decodeHex } from "../../../shared/crypto/hex.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import { leafHash } from "../../../shared/crypto/log/tree.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Sql } from "../sql.ts";
import { logRow } from "./state.ts";

/** A full bundle as it was read back from the archive and found to hash to the node that was kept of it. */
export interface ArchivedBundle {
  readonly texts: readonly string[];
  readonly leaves: readonly Uint8Array[];
}
/** By their number. */
export type Bundles = ReadonlyMap<number, ArchivedBundle>;
export const NO_BUNDLES: Bundles = new Map();

/**
 * Thrown by readers of pruned entries: what they need lies in this bundle of the archive. `attempt` turns it into a value,
 * and the shell reads the bundle and asks again.
 */
export class InArchive extends Error {
  override readonly name = "InArchive";
  readonly bundle: number;
  constructor(bundle: number) {
    super(`the entry is in bundle ${bundle} of the archive`);
    this.bundle = bundle;
  }
}

/** Answers `InArchive` in place of throwing it. What threw must not have written. */
export function attempt<T>(body: () => T): T | InArchive {
  try {
    return body();
  } catch (cause) {
    if (cause instanceof InArchive) return cause;
    throw cause;
  }
}

/** Runs of `[first, first + count)` that lie in one bundle each. */
function* runsOf(first: number, count: number): Generator<{ n: number; at: number; length: number }> {
  for (let seq = first; seq < first + count; ) {
    const n = Math.floor(seq / TILE_WIDTH);
    const length = Math.min(first + count, (n + 1) * TILE_WIDTH) - seq;
    yield { n, at: seq - n * TILE_WIDTH, length };
    seq += length;
  }
}

function archived(bundles: Bundles, n: number): ArchivedBundle {
  const bundle = bundles.get(n);
  if (!bundle) throw new InArchive(n);
  return bundle;
}

/** Canonical texts of the entries `[first, first + count)`, all of which exist. May throw `InArchive`. */
export function textsOf(sql: Sql, first: number, count: number, bundles: Bundles = NO_BUNDLES): string[] {
  const { pruned } = logRow(sql);
  const old = Math.max(0, Math.min(count, pruned - first));
  const texts: string[] = [];
  for (const { n, at, length } of runsOf(first, old)) texts.push(...archived(bundles, n).texts.slice(at, at + length));
  if (count > old)
    for (const { body } of sql.all<{ body: string }>(
      "SELECT body FROM ledger WHERE seq >= ? AND seq < ? ORDER BY seq",
      first + old,
      first + count,
    ))
      texts.push(body);
  if (texts.length !== count) throw new Error(`ledger entries from ${first} on are missing`);
  return texts;
}

type LeafRow = { hash: string; body: string | null };

/** Leaf hashes of the entries `[first, first + count)`, all of which exist. May throw `InArchive`. */
export function leavesOf(sql: Sql, first: number, count: number, bundles: Bundles = NO_BUNDLES): Uint8Array[] {
  const { pruned, legacy } = logRow(sql);
  const old = Math.max(0, Math.min(count, pruned - first));
  const leaves: Uint8Array[] = [];
  for (const { n, at, length } of runsOf(first, old))
    leaves.push(...archived(bundles, n).leaves.slice(at, at + length));
  if (count > old) {
    const rows = sql.all<LeafRow>(
      `SELECT hash, CASE WHEN seq < ? THEN body END AS body FROM ledger WHERE seq >= ? AND seq < ? ORDER BY seq`,
      legacy,
      first + old,
      first + count,
    );
    for (const row of rows) leaves.push(leafOf(row));
  }
  if (leaves.length !== count) throw new Error(`ledger entries from ${first} on are missing`);
  return leaves;
}

/** The hash that the append wrote; of an entry from before it was the leaf hash, the hash of its text. */
function leafOf({ hash, body }: LeafRow): Uint8Array {
  const leaf = body === null ? decodeHex(hash) : leafHash(utf8(body));
  if (leaf?.length !== 32) throw new Error("a ledger row's hash is unreadable");
  return leaf;
}

/** The largest entry is what bounds a bundle: 256 of 65,537 bytes. */
export const BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + LIMITS.ledgerEntryBytesMax);
