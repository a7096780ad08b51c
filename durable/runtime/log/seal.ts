import { encodeBase64 } from "../../../shared/crypto/log/base64.ts";
import { type Frontier, frontierFromBytes } from "../../../shared/crypto/log/frontier.ts";
import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import type { Sql } from "../sql.ts";
import { leavesOf } from "./bundles.ts";
import { logRow } from "./state.ts";

export function readFrontier(sql: Sql): Frontier {
  const row = sql.get<{ frontier: Uint8Array }>("SELECT frontier FROM log");
  const frontier = row ? frontierFromBytes(row.frontier) : null;
  if (frontier?.size !== logRow(sql).sealed) throw new Error("the log's frontier is unreadable");
  return frontier;
}

/**
 * Folds at most `rowsMax` further entries into the tree, up to size `to`; answers whether more of them are left. The nodes
 * of every eighth level are kept, everything else follows from them and the rows.
 */
export function sealStep(sql: Sql, to: number, rowsMax: number): boolean {
  const { sealed } = logRow(sql);
  const count = Math.min(rowsMax, to - sealed);
  if (count <= 0) return false;
  const frontier = readFrontier(sql);
  for (const leaf of leavesOf(sql, sealed, count))
    frontier.append(leaf, (height, n, hash) => keepNode(sql, height / 8, n, hash));
  sql.run("UPDATE log SET frontier = ?, sealed = ?", frontier.toBytes(), frontier.size);
  return frontier.size < to;
}

function keepNode(sql: Sql, level: number, n: number, hash: Uint8Array): void {
  const first =
    level === 1 ? sql.get<{ at_ms: number }>("SELECT at_ms FROM ledger WHERE seq = ?", n * TILE_WIDTH) : undefined;
  sql.run(
    "INSERT INTO log_node (level, n, hash, first_ms) VALUES (?, ?, ?, ?)",
    level,
    n,
    hash.slice(),
    first?.at_ms ?? null,
  );
}

/** What a checkpoint over the sealed log says. */
export function sealedHead(sql: Sql): { size: number; root: string } {
  const frontier = readFrontier(sql);
  return { size: frontier.size, root: encodeBase64(frontier.root()) };
}
