import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ok } from "../../../shared/contracts/result.ts";
import type { Sql } from "../../runtime/sql.ts";
import { FIRST_MONTH, spansAt } from "./calendar.ts";
import { forgetErasures } from "./erasures.ts";
import { forgetKept } from "./kept-sessions.ts";
import { UPKEEP_MS } from "./provision.ts";
import { forgetTaskEntries } from "./task-entries.ts";
import { TASK } from "./task-state.ts";

/** Rows that one step looks at or deletes: some milliseconds of work. */
const STEP_ROWS = 1_000;

/** Budget periods before the last one that a late settlement may still correct. */
const DAY_SPANS_KEPT = Math.ceil(LIMITS.taskRowMsMax / 86_400_000) + 1;
const MONTH_SPANS_KEPT = 2;

/** Forgets what has lived its time, a bounded step; answers whether more is left. Due once an hour. */
export function upkeep(sql: Sql, nowMs: number): boolean {
  let more = false;
  sql.transaction(() => {
    const row = sql.get<{ upkeep_ms: number; upkeep_seq: number }>("SELECT upkeep_ms, upkeep_seq FROM tenant");
    if (!row || row.upkeep_ms > nowMs) return ok(null);
    const full = [
      forgetKeys(sql, nowMs, row.upkeep_seq),
      forgetTasks(sql, nowMs),
      forgetTaskEntries(sql, nowMs, STEP_ROWS),
      // A bucket that is full again is as good as none.
      deleteSome(sql, "bucket", "id", "full_ms <= ?", nowMs),
      deleteSome(sql, "approval", "id", "state <> 'pending' AND expires_ms <= ?", nowMs - LIMITS.taskRowMsMax),
      forgetErasures(sql, nowMs, STEP_ROWS),
      forgetKept(sql, nowMs, STEP_ROWS),
      deleteSome(sql, "recorded", "dedupe", "at_ms <= ?", nowMs - LIMITS.idempotencyRowMsMax),
    ];
    forgetSpans(sql, nowMs);
    more = full.some(Boolean);
    if (!more) sql.run("UPDATE tenant SET upkeep_ms = ?", nowMs + UPKEEP_MS);
    return ok(null);
  });
  return more;
}

const deleteSome = (sql: Sql, table: string, key: string, old: string, limit: number): boolean =>
  sql.change(
    `DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE ${old} LIMIT ${STEP_ROWS})`,
    limit,
  ) === STEP_ROWS;

/** Idempotency keys after 72 h. Task rows are in order of admission, so a cursor passes each of them once. */
function forgetKeys(sql: Sql, nowMs: number, from: number): boolean {
  const rows = sql.all<{ seq: number; admitted_ms: number }>(
    `SELECT seq, admitted_ms FROM task WHERE seq > ? ORDER BY seq LIMIT ${STEP_ROWS}`,
    from,
  );
  const old = rows.filter((row) => row.admitted_ms + LIMITS.idempotencyRowMsMax <= nowMs);
  const upTo = old.at(-1)?.seq;
  if (upTo === undefined) return false;
  sql.run(
    "UPDATE task SET key_hash = NULL, fingerprint = NULL WHERE seq > ? AND seq <= ? AND key_hash IS NOT NULL",
    from,
    upTo,
  );
  sql.run("UPDATE tenant SET upkeep_seq = ?", upTo);
  return old.length === STEP_ROWS;
}

/** Task rows after 30 days, with what an abandoned one still kept for its late settlement. */
function forgetTasks(sql: Sql, nowMs: number): boolean {
  const rows = sql.all<{ seq: number; state: number; admitted_ms: number }>(
    `SELECT seq, state, admitted_ms FROM task ORDER BY seq LIMIT ${STEP_ROWS}`,
  );
  const old = rows.filter((row) => row.admitted_ms + LIMITS.taskRowMsMax <= nowMs && row.state !== TASK.open);
  const upTo = old.at(-1)?.seq;
  if (upTo === undefined) return false;
  sql.run(`DELETE FROM hold WHERE task <= ? AND task IN (SELECT seq FROM task WHERE state <> ${TASK.open})`, upTo);
  sql.run(`DELETE FROM task WHERE seq <= ? AND state <> ${TASK.open}`, upTo);
  return old.length === STEP_ROWS;
}

/** Periods that nothing can be charged to any more. Numbers of days lie below those of months; 0 never ends. */
function forgetSpans(sql: Sql, nowMs: number): void {
  const { day, month } = spansAt(nowMs);
  sql.run(
    `DELETE FROM budget_span WHERE held_nusd = 0 AND (span BETWEEN 1 AND ? OR span BETWEEN ${FIRST_MONTH} AND ?)`,
    day - DAY_SPANS_KEPT - 1,
    month - MONTH_SPANS_KEPT - 1,
  );
}
