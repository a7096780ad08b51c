import type { BatchId, FileId, UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type {
  BatchError,
  BatchGone,
  BatchRecord,
  BatchStatus,
  BatchTimes,
  BatchUsage,
  ListQuery,
  NewBatch,
} from "../../shared/contracts/ports/batch-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql, SqlRow } from "../runtime/sql.ts";
import { setTimer } from "../runtime/timers.ts";
import { pageOf } from "./page.ts";

/**
 * ```
 * validating ──▶ in_progress ──▶ finalizing ──▶ completed
 *   │   │           │   └─ 24 h ─▶ finalizing ──▶ expired
 *   ▼   └─ cancel ──┴────▶ cancelling ──────────▶ cancelled
 * failed
 * ```
 * Timers: `turn` (somebody is to go on with it), `forget` (its row), `parts` (what its files were put together from).
 */
export type BatchRow = SqlRow & {
  id: string;
  workspace: string;
  endpoint: string;
  input_file: string;
  output_file: string;
  error_file: string;
  sealed: Uint8Array;
  created_ms: number;
  expires_ms: number;
  output_life_ms: number | null;
  status: string;
  times: string;
  model: string | null;
  total: number;
  completed: number;
  failed: number;
  usage: string;
  has_output: number;
  has_errors: number;
  fence: number;
  life_ms: number;
  lease_until_ms: number;
  place_offset: number;
  place_line: number;
  drained: number;
  output_parts: number;
  error_parts: number;
};

const NO_USAGE: BatchUsage = { input_tokens: 0, cached_tokens: 0, output_tokens: 0, reasoning_tokens: 0 };
const ENDED: ReadonlySet<string> = new Set(["failed", "completed", "expired", "cancelled"]);
/** In which a batch still takes up somebody's time. */
const ACTIVE = "status IN ('validating', 'in_progress', 'finalizing', 'cancelling')";

/** Batches that are not at their end. */
export const activeBatches = (sql: Sql): number =>
  sql.get<{ n: number }>(`SELECT count(*) AS n FROM batch WHERE ${ACTIVE}`)?.n ?? 0;

export const hasEnded = ({ status }: { status: string }): boolean => ENDED.has(status);

export const batchRow = (sql: Sql, id: string): BatchRow | undefined =>
  sql.get<BatchRow>("SELECT * FROM batch WHERE id = ?", id);

export function recordOf(sql: Sql, row: BatchRow): BatchRecord {
  const errors = sql.all<SqlRow & { code: string; line: number | null; message: string; param: string | null }>(
    "SELECT code, line, message, param FROM bad_line WHERE batch = ? ORDER BY line IS NULL DESC, line, seq LIMIT ?",
    row.id,
    LIMITS.batchErrorsMax,
  );
  return {
    // safe because: `createBatch` and the steps of a turn wrote these
    id: row.id as BatchId,
    workspace: row.workspace,
    endpoint: row.endpoint,
    input_file: row.input_file as FileId,
    output_file: row.output_file as FileId,
    error_file: row.error_file as FileId,
    sealed: row.sealed,
    created_ms: row.created_ms as UnixMs,
    expires_ms: row.expires_ms as UnixMs,
    output_life_ms: row.output_life_ms,
    status: row.status as BatchStatus,
    times: JSON.parse(row.times) as BatchTimes,
    model: row.model,
    errors: errors.map(({ code, line, message, param }): BatchError => ({ code, line, message, param })),
    counts: { total: row.total, completed: row.completed, failed: row.failed },
    usage: JSON.parse(row.usage) as BatchUsage,
    has_output: row.has_output === 1,
    has_errors: row.has_errors === 1,
  };
}

/** Moves the batch on, with the moment. */
export function enter(sql: Sql, env: CoreEnv, row: BatchRow, status: Exclude<BatchStatus, "validating">): void {
  const times: BatchTimes = JSON.parse(row.times) as BatchTimes; // safe because: written here and by `createBatch`
  times[status] ??= env.now as UnixMs; // safe because: shells give Unix milliseconds
  sql.run("UPDATE batch SET status = ?, times = ? WHERE id = ?", status, JSON.stringify(times), row.id);
}

export function createBatch(sql: Sql, env: CoreEnv, batch: NewBatch): Result<BatchRecord, { reason: "limit" }> {
  return sql.transaction((): Result<BatchRecord, { reason: "limit" }> => {
    const known = batchRow(sql, batch.id);
    if (known) return ok(recordOf(sql, known));
    const count = (where: string) => sql.get<{ n: number }>(`SELECT count(*) AS n FROM batch${where}`)?.n ?? 0;
    if (count(` WHERE ${ACTIVE}`) >= LIMITS.batchesActiveMax) return err({ reason: "limit" });
    if (count("") >= LIMITS.batchesPerTenantMax) return err({ reason: "limit" });
    sql.run(
      `INSERT INTO batch (id, workspace, endpoint, input_file, output_file, error_file, sealed, created_ms, expires_ms, output_life_ms,
         status, times, model, total, completed, failed, usage, has_output, has_errors, fence, life_ms, lease_until_ms,
         place_offset, place_line, drained, output_parts, error_parts)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'validating', '{}', NULL, 0, 0, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
      batch.id,
      batch.workspace,
      batch.endpoint,
      batch.input_file,
      batch.output_file,
      batch.error_file,
      batch.sealed,
      env.now,
      batch.expires_ms,
      batch.output_life_ms,
      JSON.stringify(NO_USAGE),
    );
    setTimer(sql, { kind: "turn", key: batch.id, due_ms: env.now });
    const row = batchRow(sql, batch.id);
    if (!row) throw new Error("a batch that was just written is not there");
    return ok(recordOf(sql, row));
  });
}

export function batch(sql: Sql, _env: CoreEnv, id: BatchId): Result<BatchRecord, BatchGone> {
  const row = batchRow(sql, id);
  return row ? ok(recordOf(sql, row)) : err({ reason: "not_found" });
}

export function batches(sql: Sql, _env: CoreEnv, query: ListQuery): { data: BatchRecord[]; more: boolean } {
  const page = pageOf<BatchRow>(sql, "SELECT * FROM batch", ["1"], [], query);
  return { data: page.data.map((row) => recordOf(sql, row)), more: page.more };
}

export function cancelBatch(sql: Sql, env: CoreEnv, id: BatchId): Result<BatchRecord, BatchGone> {
  const row = batchRow(sql, id);
  if (!row) return err({ reason: "not_found" });
  if (row.status === "validating" || row.status === "in_progress") {
    enter(sql, env, row, "cancelling");
    // Whoever drives it sees it with their next step; nobody does: somebody is to begin.
    if (row.lease_until_ms <= env.now) setTimer(sql, { kind: "turn", key: id, due_ms: env.now });
  }
  return batch(sql, env, id);
}

/** The row of a batch that ended long ago. */
export function forgetBatch(sql: Sql, id: string): void {
  for (const table of ["line", "bad_line", "custom_id", "part"]) sql.run(`DELETE FROM ${table} WHERE batch = ?`, id);
  sql.run("DELETE FROM batch WHERE id = ?", id);
  sql.run("DELETE FROM _timers WHERE key = ?", id);
}
