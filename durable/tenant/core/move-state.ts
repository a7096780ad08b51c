import { MOVE_PHASES, type MovePhase, type TenantMove } from "../../../shared/contracts/tenant-move.ts";
import { Known } from "../../runtime/known.ts";
import type { Sql } from "../../runtime/sql.ts";

/**
 * One row while the tenant is not live here. `applied`: parts of the archive that are written, at its new home.
 */
export const MOVE_SCHEMA: readonly string[] = [
  `CREATE TABLE move (
    one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, phase TEXT NOT NULL, source TEXT NOT NULL,
    target TEXT NOT NULL, begun_ms INTEGER NOT NULL, manifest TEXT, applied INTEGER NOT NULL
  )`,
];

/** Schema step that brought the table: while there is a row, no older code may open the object, because it would admit. */
export const MOVE_MIGRATION = 9;
export const MOVE_FLOOR = 6;

type Row = {
  id: string;
  phase: string;
  source: string;
  target: string;
  begun_ms: number;
  manifest: string | null;
  applied: number;
};
export type MoveRow = TenantMove & { applied: number };

const MOVE = new Known<MoveRow | null>("move");
const isPhase = (text: string): text is MovePhase => MOVE_PHASES.some((phase) => phase === text);

/** Null: the tenant is live here. Read once; read again after it was written. */
export function moveOf(sql: Sql): MoveRow | null {
  const known = MOVE.get(sql);
  if (known !== undefined) return known;
  const row = sql.get<Row>("SELECT id, phase, source, target, begun_ms, manifest, applied FROM move");
  let move: MoveRow | null = null;
  if (row) {
    const { id, phase, source, target, begun_ms, manifest, applied } = row;
    if (!isPhase(phase)) throw new Error("the phase of a move is unreadable");
    move = { id, phase, from: source, to: target, begun_ms, manifest, applied };
  }
  MOVE.set(sql, move);
  return move;
}

/** Nothing of the tenant may change: it is being copied, or lives elsewhere, or is not whole yet. */
export function isFrozen(sql: Sql): boolean {
  const move = moveOf(sql);
  return move !== null && move.phase !== "leaving";
}

/** The edge was told before; only a call that was under way for long gets here. Nothing of it was written. */
export class TenantFrozen extends Error {
  override readonly name = "TenantFrozen";
}

export function writeMove(sql: Sql, move: MoveRow): void {
  sql.run(
    `INSERT OR REPLACE INTO move (one, id, phase, source, target, begun_ms, manifest, applied) VALUES (1, ?, ?, ?, ?, ?, ?, ?)`,
    move.id,
    move.phase,
    move.from,
    move.to,
    move.begun_ms,
    move.manifest,
    move.applied,
  );
  sql.run("UPDATE _migrations SET floor = ? WHERE id = ?", MOVE_MIGRATION, MOVE_MIGRATION);
}

export function endMove(sql: Sql): void {
  sql.run("DELETE FROM move");
  sql.run("UPDATE _migrations SET floor = ? WHERE id = ?", MOVE_FLOOR, MOVE_MIGRATION);
}
