import { TILE_WIDTH } from "../../../shared/crypto/log/tiles.ts";
import type { Sql } from "../sql.ts";
import type { LogOwner } from "./owner.ts";
import type { LogBounds } from "./parts.ts";
import { checkpointRow, logRow } from "./state.ts";

const wholeBundles = (size: number): number => size - (size % TILE_WIDTH);

/**
 * Deletes rows that the archive has in full, published bundles, that the object's own work has passed, and that are not
 * among the newest `rows_kept`; answers whether more are left. Rows that the owner still needs stay until it does not.
 */
export function pruneStep(sql: Sql, owner: LogOwner, { rows_kept, step_rows_max }: LogBounds): boolean {
  const { pruned } = logRow(sql);
  const spare = Math.min(checkpointRow(sql).size, owner.passed(sql), owner.size(sql) - rows_kept);
  const end = wholeBundles(Math.max(0, spare));
  const to = Math.min(end, pruned + Math.max(wholeBundles(step_rows_max), TILE_WIDTH));
  if (to > pruned) {
    sql.run(`DELETE FROM ledger WHERE seq >= ? AND seq < ? AND NOT (${owner.needed})`, pruned, to);
    sql.run("UPDATE log SET pruned = ?", to);
    return to < end;
  }
  // Those that had to stay when their bundle went: few, because what needs them ends.
  sql.run(`DELETE FROM ledger WHERE seq < ? AND NOT (${owner.needed})`, pruned);
  return false;
}
