import type { ProvenEntry } from "../../../shared/contracts/log.ts";
import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import type { Sql } from "../sql.ts";
import { type Bundles, NO_BUNDLES, textsOf } from "./bundles.ts";
import { inclusionProof, type KnownNodes } from "./nodes.ts";

/** Entries and their audit paths in the log of `size` entries. May throw `InArchive`. */
export function provenEntries(
  sql: Sql,
  indices: readonly number[],
  size: number,
  bundles: Bundles = NO_BUNDLES,
): ProvenEntry[] {
  const known: KnownNodes = new Map();
  return indices.map((index) => ({
    index,
    text: textsOf(sql, index, 1, bundles).join(""),
    proof: inclusionProof(sql, index, size, bundles, known).map(encodeBase64),
  }));
}
