import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ok } from "../../../shared/contracts/result.ts";
import { OUTCOME_UNKNOWN } from "../../../shared/contracts/task.ts";
import type { Sql } from "../../runtime/sql.ts";
import { ledgerWriter, parseEntry } from "./ledger.ts";

/**
 * Recorded changes that have begun and not ended, by the `dedupe` of the entry that will end them. `body` is the text of
 * their entry, which may be in the archive alone before the bound.
 */
export const BEGUN_SCHEMA: readonly string[] = [
  `CREATE TABLE begun (
    ended_by TEXT PRIMARY KEY, seq INTEGER NOT NULL, due_ms INTEGER NOT NULL, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  "CREATE INDEX begun_by_due ON begun (due_ms)",
];

/** Of an entry that was appended in the running transaction. */
export const noteBegun = (sql: Sql, nowMs: number, seq: number, endedBy: string): void =>
  sql.run(
    "INSERT INTO begun (ended_by, seq, due_ms, body) SELECT ?, seq, ?, body FROM ledger WHERE seq = ?",
    endedBy,
    nowMs + LIMITS.recordEndMsMax,
    seq,
  );

/** An entry under this `dedupe` is there: what it ends has ended. Part of the running transaction. */
export const noteEnded = (sql: Sql, dedupe: string): void => sql.run("DELETE FROM begun WHERE ended_by = ?", dedupe);

/**
 * Closes changes whose end nobody told within the bound, as `outcome_unknown`: whoever made them crashed, or did not learn
 * it. An end that comes later all the same is recorded behind. At most `max`, each in its own transaction, so a crash in
 * between leaves the rest due.
 */
export function closeBegun(sql: Sql, nowMs: number, max: number): number {
  const due = sql.all<{ ended_by: string; seq: number; body: string }>(
    "SELECT ended_by, seq, body FROM begun WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
    nowMs,
    max,
  );
  for (const { ended_by, seq, body } of due) {
    sql.transaction(() => {
      const by = parseEntry(seq, body);
      const { kind, action, detail } = by;
      ledgerWriter(sql, nowMs).append({
        ...{ kind, outcome: "failure", action, task: null, by },
        detail: { ...detail, error: OUTCOME_UNKNOWN, opened: seq },
      });
      noteEnded(sql, ended_by);
      return ok(null);
    });
  }
  return due.length;
}
