import type { LedgerKind } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Migration, Sql } from "../../runtime/sql.ts";

/**
 * Entries of tasks that no task row points at: refusals, approvals, closings that were corrected. Those that every call
 * has are in its row, so that the common path writes nothing here.
 */
export const TASK_ENTRIES_SCHEMA: Migration["sql"] = [
  "CREATE TABLE task_entry (seq INTEGER PRIMARY KEY, task TEXT NOT NULL, at_ms INTEGER NOT NULL)",
  "CREATE INDEX task_entry_by_task ON task_entry (task)",
];

const inTaskRow = (kind: LedgerKind): boolean =>
  kind === "task.opened" || kind === "task.closed" || kind === "task.corrected";

/** Part of the append, so that the entry can be found by its task. */
export function noteTaskEntry(sql: Sql, kind: LedgerKind, task: string | null, seq: number, atMs: number): void {
  if (task === null || inTaskRow(kind)) return;
  sql.run("INSERT INTO task_entry (seq, task, at_ms) VALUES (?, ?, ?)", seq, task, atMs);
}

/** Places of all entries of a task, ascending; none once its rows are forgotten. */
export function seqsOfTask(sql: Sql, task: string): number[] {
  const seqs = sql.all<{ seq: number }>("SELECT seq FROM task_entry WHERE task = ?", task).map(({ seq }) => seq);
  const row = sql.get<{ seq: number; closed_seq: number | null }>(
    "SELECT seq, closed_seq FROM task WHERE id = ?",
    task,
  );
  if (row) seqs.push(row.seq);
  if (row?.closed_seq != null) seqs.push(row.closed_seq);
  return [...new Set(seqs)].sort((a, b) => a - b);
}

/** As long as task rows, in bounded steps; answers whether more are left. */
export function forgetTaskEntries(sql: Sql, nowMs: number, max: number): boolean {
  const rows = sql.all<{ seq: number; at_ms: number }>("SELECT seq, at_ms FROM task_entry ORDER BY seq LIMIT ?", max);
  const old = rows.filter(({ at_ms }) => at_ms + LIMITS.taskRowMsMax <= nowMs);
  const upTo = old.at(-1)?.seq;
  if (upTo === undefined) return false;
  sql.run("DELETE FROM task_entry WHERE seq <= ?", upTo);
  return old.length === max;
}
