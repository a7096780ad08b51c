import type { Attribution } from "../../../shared/contracts/ledger.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { TableRows, TenantMove } from "../../../shared/contracts/tenant-move.ts";
import { encodeHex } from "../../../shared/crypto/hex.ts";
import { leafHash } from "../../../shared/crypto/log/tree.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { sealedHead } from "../../runtime/log/seal.ts";
import { checkpointRow } from "../../runtime/log/state.ts";
import { dropEverything, migrate } from "../../runtime/migrate.ts";
import { type RowsRefusal, restoreRows } from "../../runtime/object-rows.ts";
import type { CoreEnv, Migration, Sql, SqlRow } from "../../runtime/sql.ts";
import { MOVE_TABLES } from "./export-parts.ts";
import { headOf, ledgerWriter } from "./ledger.ts";
import { endMove, type MoveRow, moveOf, writeMove } from "./move-state.ts";
import { holdFloor } from "./pins.ts";

export type ArriveRefusal =
  /** A tenant of this name is here, or another archive of it is being written. */
  { reason: "exists" };

/**
 * Makes room for a tenant, as the first step of writing it; answers how many parts are written already. What stands here
 * of a tenant that left once gives way: it came back.
 */
export function arrive(
  sql: Sql,
  env: CoreEnv,
  migrations: readonly Migration[],
  move: Pick<TenantMove, "id" | "from" | "to"> & { manifest: string },
): Result<{ applied: number }, ArriveRefusal> {
  const known = moveOf(sql);
  if (known === null && sql.get("SELECT 1 AS found FROM tenant") !== undefined) return err({ reason: "exists" });
  if (known?.phase === "arriving" || known?.phase === "arrived")
    return known.manifest === move.manifest ? ok({ applied: known.applied }) : err({ reason: "exists" });
  if (known !== null && known.phase !== "left") return err({ reason: "exists" });
  if (known !== null) {
    dropEverything(sql);
    migrate(sql, migrations);
  }
  writeMove(sql, { ...move, phase: "arriving", begun_ms: env.now, applied: 0 });
  return ok({ applied: 0 });
}

/** Whether there is a tenant at all: the first part of one that arrives brings its row. */
export const isWritten = (sql: Sql): boolean => sql.get("SELECT 1 AS found FROM tenant") !== undefined;

/** What of a row is this cell's own. */
function asHere(dataKey: string): (table: string, row: SqlRow) => SqlRow | null {
  return (table, row) => {
    if (MOVE_TABLES.includes(table)) return null;
    // The read models of this cell have none of its events yet.
    if (table === "tenant") return { ...row, data_key: dataKey, feed_seq: 0, feed_failures: 0, feed_retry_ms: 0 };
    // Whoever operated the old home operates nothing here.
    if (table === "api_key") return { ...row, cell_operator: 0 };
    return table === "log_checkpoint" ? { ...row, version: null } : row;
  };
}

/** Writes one part; parts come in order, and one that is written already is passed over. */
export function writePart(
  sql: Sql,
  part: number,
  tables: readonly TableRows[],
  dataKey: string,
): Result<null, RowsRefusal | { reason: "not_arriving" }> {
  return sql.transaction((): Result<null, RowsRefusal | { reason: "not_arriving" }> => {
    const move = moveOf(sql);
    if (move?.phase !== "arriving") return err({ reason: "not_arriving" });
    if (part < move.applied) return ok(null);
    if (part > move.applied) throw new RangeError("parts come in order");
    const written = restoreRows(sql, tables, asHere(dataKey));
    if (!written.ok) return written;
    // A part without rows of this object is noted all the same, so that the writing goes on behind it.
    writeMove(sql, { ...move, applied: part + 1 });
    return ok(null);
  });
}

/** Whether what is written here of the entries from `first` on is what the archive has; what is pruned is only there. */
export function holdsEntries(sql: Sql, first: number, texts: readonly string[]): boolean {
  const rows = sql.all<{ seq: number; hash: string; body: string }>(
    "SELECT seq, hash, body FROM ledger WHERE seq >= ? AND seq < ?",
    first,
    first + texts.length,
  );
  return rows.every(({ seq, hash, body }) => body === texts[seq - first] && hash === encodeHex(leafHash(utf8(body))));
}

export type Incomplete = { reason: "not_arriving" } | { reason: "differs"; detail: string };

/** Every part is written, and the entries were compared: the tenant is whole, and still not live. */
export function complete(
  sql: Sql,
  log: { size: number; root: string },
  tenant: string,
): Result<TenantMove, Incomplete> {
  return sql.transaction((): Result<TenantMove, Incomplete> => {
    const move = moveOf(sql);
    if (move?.phase === "arrived") return ok(move);
    if (move?.phase !== "arriving") return err({ reason: "not_arriving" });
    const row = sql.get<{ id: string }>("SELECT id FROM tenant");
    if (row?.id !== tenant) return err({ reason: "differs", detail: "the tenant's row is missing or another's" });
    const checkpoint = checkpointRow(sql);
    const sealed = sealedHead(sql);
    for (const [what, head] of [
      ["the checkpoint", checkpoint],
      ["the tree", sealed],
      ["the ledger", { size: headOf(sql).size, root: log.root }],
    ] as const)
      if (head.size !== log.size || head.root !== log.root)
        return err({ reason: "differs", detail: `${what} is not that of the manifest` });
    const arrived: MoveRow = { ...move, phase: "arrived" };
    writeMove(sql, arrived);
    return ok(arrived);
  });
}

/** The tenant is live here. Whoever calls holds the receipt of its old home. The same move again answers the same. */
export function settleIn(
  sql: Sql,
  env: CoreEnv,
  receipt: { move: string; from: string; to: string; manifest: string; size: number; root: string; version: number },
  by: Attribution,
): Result<null, { reason: "not_arrived" }> {
  return sql.transaction(() => {
    const move = moveOf(sql);
    const dedupe = `move:${receipt.move}`;
    if (move === null)
      return sql.get("SELECT 1 AS found FROM recorded WHERE dedupe = ?", dedupe) === undefined
        ? err({ reason: "not_arrived" } as const)
        : ok(null);
    if (move.phase !== "arrived" || move.id !== receipt.move || move.manifest !== receipt.manifest)
      return err({ reason: "not_arrived" } as const);
    endMove(sql);
    holdFloor(sql);
    sql.run("UPDATE tenant SET state_version = state_version + 1, policy_version = policy_version + 1");
    const { version, ...told } = receipt;
    const seq = ledgerWriter(sql, env.now).append({
      kind: "tenant.arrived",
      outcome: "success",
      action: "tenant:create",
      task: null,
      by,
      detail: { ...told, directory_version: version },
    });
    sql.run("INSERT INTO recorded (dedupe, seq, at_ms) VALUES (?, ?, ?)", dedupe, seq, env.now);
    return ok(null);
  });
}

/** What was written of a tenant that does not come after all. */
export function discard(sql: Sql): Result<null, { reason: "not_arriving" }> {
  const move = moveOf(sql);
  if (move?.phase !== "arriving" && move?.phase !== "arrived") return err({ reason: "not_arriving" });
  dropEverything(sql);
  return ok(null);
}
