import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ok } from "../../../shared/contracts/result.ts";
import { OUTCOME_UNKNOWN } from "../../../shared/contracts/task.ts";
import type { Sql } from "../../runtime/sql.ts";
import { closeTask } from "./close.ts";
import { ledgerWriter, readEntry } from "./ledger.ts";
import { TASK_COLUMNS, type TaskRow } from "./task-rows.ts";

/**
 * Closes tasks whose deadline and grace have passed: a provider may have billed them, so the hold becomes the charge,
 * marked `estimated`. At most `max`, each in its own transaction, so a crash in between leaves the rest due.
 */
export function abandonDue(sql: Sql, nowMs: number, max: number): number {
  const due = sql.all<TaskRow>(
    `SELECT ${TASK_COLUMNS} FROM task o WHERE o.state = 0 AND o.due_ms <= ? ORDER BY o.due_ms LIMIT ?`,
    nowMs,
    max,
  );
  for (const task of due) {
    sql.transaction(() => {
      closeTask(
        sql,
        nowMs,
        ledgerWriter(sql, nowMs),
        task,
        {
          by: readEntry(sql, task.seq),
          status: "ERROR",
          error: OUTCOME_UNKNOWN,
          usage: [],
          cost_nusd: task.hold_nusd,
          estimated: true,
          route: null,
          result: "none",
          call: { grace_ms: LIMITS.abandonGraceMs },
        },
        "task.abandoned",
      );
      return ok(null);
    });
  }
  return due.length;
}
