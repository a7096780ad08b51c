import { LIMITS } from "../../shared/contracts/limits.ts";
import type {
  BatchError,
  BatchFenced,
  BatchGone,
  BatchLine,
  BatchPlace,
  BatchRecord,
  BatchTurn,
  BatchUsage,
  SettledLines,
  ValidatedLines,
} from "../../shared/contracts/ports/batch-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql, SqlRow } from "../runtime/sql.ts";
import { clearTimer, setTimer } from "../runtime/timers.ts";
import { type BatchRow, batchRow, enter, hasEnded, recordOf } from "./batches.ts";
import { fencesOf, perhapsLeft, settledPart } from "./parts.ts";

type Refusal = BatchGone | { reason: "finished" } | { reason: "leased"; retry_after_ms: number };

export function leaseBatch(sql: Sql, env: CoreEnv, id: string, lifeMs: number): Result<BatchTurn, Refusal> {
  const row = batchRow(sql, id);
  if (!row) return err({ reason: "not_found" });
  if (hasEnded(row)) return err({ reason: "finished" });
  if (row.lease_until_ms > env.now) return err({ reason: "leased", retry_after_ms: row.lease_until_ms - env.now });
  // Nobody gave it back.
  if (row.lease_until_ms > 0) perhapsLeft(sql, row, row.fence);
  sql.run("UPDATE batch SET fence = fence + 1, life_ms = ? WHERE id = ?", lifeMs, id);
  const fence = row.fence + 1;
  prolong(sql, env, id, lifeMs);
  const lines = sql.all<BatchLine & SqlRow>(
    "SELECT line, at AS offset, length, attempt FROM line WHERE batch = ? ORDER BY line",
    id,
  );
  return ok({
    fence,
    batch: recordOf(sql, row),
    place: { offset: row.place_offset, line: row.place_line },
    drained: row.drained === 1,
    lines,
    parts: { output: row.output_parts, errors: row.error_parts },
    written: fencesOf(sql, row),
  });
}

/** If whoever drives it dies, this is when somebody else goes on. */
function prolong(sql: Sql, env: CoreEnv, id: string, lifeMs: number): void {
  sql.run("UPDATE batch SET lease_until_ms = ? WHERE id = ?", env.now + lifeMs, id);
  setTimer(sql, { kind: "turn", key: id, due_ms: env.now + lifeMs });
}

/** The row, with its lease prolonged; a lease that ran out but that nobody else took still holds. */
function held(sql: Sql, env: CoreEnv, id: string, fence: number): Result<BatchRow, BatchFenced> {
  const row = batchRow(sql, id);
  if (!row) return err({ reason: "not_found" });
  if (row.fence !== fence || hasEnded(row)) return err({ reason: "fenced" });
  prolong(sql, env, id, row.life_ms);
  return ok(row);
}

const after = (sql: Sql, id: string): Result<BatchRecord, BatchFenced> => {
  const row = batchRow(sql, id);
  return row ? ok(recordOf(sql, row)) : err({ reason: "not_found" });
};

export function releaseBatch(
  sql: Sql,
  env: CoreEnv,
  id: string,
  fence: number,
  retryMs: number,
): Result<null, BatchFenced> {
  const row = held(sql, env, id, fence);
  if (!row.ok) return row;
  // A turn that failed may have written what it did not settle.
  if (retryMs > 0) perhapsLeft(sql, row.value, fence);
  sql.run("UPDATE batch SET lease_until_ms = 0, fence = fence + 1 WHERE id = ?", id);
  setTimer(sql, { kind: "turn", key: id, due_ms: env.now + retryMs });
  return ok(null);
}

export function renewBatch(sql: Sql, env: CoreEnv, id: string, fence: number): Result<BatchRecord, BatchFenced> {
  const row = held(sql, env, id, fence);
  return row.ok ? after(sql, id) : row;
}

function addErrors(sql: Sql, id: string, errors: readonly BatchError[]): void {
  let seq = sql.get<{ n: number }>("SELECT count(*) AS n FROM bad_line WHERE batch = ?", id)?.n ?? 0;
  for (const { code, line, message, param } of errors) {
    if (seq >= LIMITS.batchErrorsMax) return;
    sql.run(
      "INSERT INTO bad_line (batch, seq, code, line, message, param) VALUES (?, ?, ?, ?, ?, ?)",
      id,
      seq++,
      code,
      line,
      message,
      param,
    );
  }
}

export function validated(
  sql: Sql,
  env: CoreEnv,
  id: string,
  fence: number,
  step: ValidatedLines,
): Result<BatchRecord, BatchFenced> {
  const locked = held(sql, env, id, fence);
  if (!locked.ok) return locked;
  const row = locked.value;
  if (row.status !== "validating" || step.place.offset < row.place_offset) return after(sql, id);
  const errors = [...step.errors];
  for (const { line, hash } of step.ids) {
    const before = sql.get<{ line: number }>("SELECT line FROM custom_id WHERE batch = ? AND hash = ?", id, hash);
    if (before)
      errors.push({
        code: "duplicate_custom_id",
        line,
        message: `The custom_id of this line is that of line ${before.line}.`,
        param: "custom_id",
      });
    else sql.run("INSERT INTO custom_id (batch, hash, line) VALUES (?, ?, ?)", id, hash, line);
  }
  addErrors(sql, id, errors);
  sql.run(
    "UPDATE batch SET place_offset = ?, place_line = ?, model = coalesce(model, ?), total = total + ? WHERE id = ?",
    step.place.offset,
    step.place.line,
    step.model,
    step.ids.length,
    id,
  );
  if (!step.done) return after(sql, id);
  sql.run("DELETE FROM custom_id WHERE batch = ?", id);
  // The dispatch reads the file from its beginning.
  sql.run("UPDATE batch SET place_offset = 0, place_line = 0 WHERE id = ?", id);
  const bad = sql.get("SELECT 1 AS found FROM bad_line WHERE batch = ?", id) !== undefined;
  if (bad) sql.run("UPDATE batch SET total = 0 WHERE id = ?", id);
  enter(sql, env, row, bad ? "failed" : "in_progress");
  if (bad) ended(sql, env, id);
  return after(sql, id);
}

export function takeLines(
  sql: Sql,
  env: CoreEnv,
  id: string,
  fence: number,
  taken: { place: BatchPlace; lines: Omit<BatchLine, "attempt">[]; done: boolean },
): Result<null, BatchFenced> {
  const row = held(sql, env, id, fence);
  if (!row.ok) return row;
  if (taken.place.offset < row.value.place_offset) return ok(null);
  for (const { line, offset, length } of taken.lines)
    sql.run("INSERT INTO line (batch, line, at, length, attempt) VALUES (?, ?, ?, ?, 0)", id, line, offset, length);
  sql.run(
    "UPDATE batch SET place_offset = ?, place_line = ?, drained = ? WHERE id = ?",
    taken.place.offset,
    taken.place.line,
    taken.done ? 1 : 0,
    id,
  );
  return ok(null);
}

export function retryLine(
  sql: Sql,
  env: CoreEnv,
  id: string,
  fence: number,
  line: number,
): Result<{ attempt: number }, BatchFenced> {
  const row = held(sql, env, id, fence);
  if (!row.ok) return row;
  sql.run("UPDATE line SET attempt = attempt + 1 WHERE batch = ? AND line = ?", id, line);
  const now = sql.get<{ attempt: number }>("SELECT attempt FROM line WHERE batch = ? AND line = ?", id, line);
  return now ? ok({ attempt: now.attempt }) : err({ reason: "not_found" });
}

export function settleLines(
  sql: Sql,
  env: CoreEnv,
  id: string,
  fence: number,
  settled: SettledLines,
): Result<BatchRecord, BatchFenced> {
  const locked = held(sql, env, id, fence);
  if (!locked.ok) return locked;
  const row = locked.value;
  let completed = 0;
  let failed = 0;
  for (const { line, ok: fine } of settled.lines) {
    if (sql.change("DELETE FROM line WHERE batch = ? AND line = ?", id, line) === 0) continue;
    if (fine) completed++;
    else failed++;
  }
  // An answer that was lost: the same lines, under the same parts, change nothing.
  if (completed + failed === 0) return after(sql, id);
  const usage = JSON.parse(row.usage) as BatchUsage; // safe because: written here and by `createBatch`
  for (const member of ["input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"] as const)
    usage[member] += settled.usage[member];
  sql.run(
    `UPDATE batch SET completed = completed + ?, failed = failed + ?, usage = ?,
       output_parts = max(output_parts, ?), error_parts = max(error_parts, ?) WHERE id = ?`,
    completed,
    failed,
    JSON.stringify(usage),
    settled.output === null ? 0 : settled.output + 1,
    settled.errors === null ? 0 : settled.errors + 1,
    id,
  );
  if (settled.fenced)
    for (const kind of ["output", "errors"] as const) {
      const part = settled[kind];
      if (part !== null) settledPart(sql, id, { kind, part, fence });
    }
  return after(sql, id);
}

export function finalizing(sql: Sql, env: CoreEnv, id: string, fence: number): Result<BatchRecord, BatchFenced> {
  const row = held(sql, env, id, fence);
  if (!row.ok) return row;
  if (row.value.status === "in_progress") enter(sql, env, row.value, "finalizing");
  return after(sql, id);
}

export function finishBatch(
  sql: Sql,
  env: CoreEnv,
  id: string,
  fence: number,
  end: { has_output: boolean; has_errors: boolean },
): Result<BatchRecord, BatchFenced> {
  const locked = held(sql, env, id, fence);
  if (!locked.ok) return locked;
  const row = locked.value;
  sql.run(
    "UPDATE batch SET has_output = ?, has_errors = ? WHERE id = ?",
    end.has_output ? 1 : 0,
    end.has_errors ? 1 : 0,
    id,
  );
  const late = (timesOf(row).finalizing ?? 0) >= row.expires_ms;
  enter(sql, env, row, row.status === "cancelling" ? "cancelled" : late ? "expired" : "completed");
  ended(sql, env, id);
  return after(sql, id);
}

const timesOf = (row: BatchRow) => JSON.parse(row.times) as { finalizing?: number }; // safe because: `enter` wrote it

/** Nobody goes on with it; what its files were put together from is removed, and much later its row. */
function ended(sql: Sql, env: CoreEnv, id: string): void {
  sql.run("UPDATE batch SET lease_until_ms = 0 WHERE id = ?", id);
  sql.run("DELETE FROM line WHERE batch = ?", id);
  sql.run("DELETE FROM custom_id WHERE batch = ?", id);
  clearTimer(sql, "turn", id);
  setTimer(sql, { kind: "parts", key: id, due_ms: env.now });
  setTimer(sql, { kind: "forget", key: id, due_ms: env.now + LIMITS.taskRowMsMax });
}
