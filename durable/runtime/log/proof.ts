import type { ProvenEntry } from "../../../shared/contracts/log.ts";
import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import type { Sql } from "../sql.ts";
import { type Bundles, NO_BUNDLES, textsOf } from "./bundles.ts";
import { inclusionProof } from "./nodes.ts";

/** The entry and its audit path in the log of `size` entries. May throw `InArchive`. */
export const provenEntry = (sql: Sql, index: number, size: number, bundles: Bundles = NO_BUNDLES): ProvenEntry => ({
  index,
  text: textsOf(sql, index, 1, bundles)[0] ?? "",
  proof: inclusionProof(sql, index, size, bundles).map(encodeBase64),
});
