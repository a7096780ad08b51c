import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { StoredResult } from "../../shared/contracts/ports/task-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { chunkBytes, joinBytes } from "../runtime/byte-chunks.ts";
import { dropEverything } from "../runtime/migrate.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { dueTimers, setTimer } from "../runtime/timers.ts";
import { forgetLog, held, loseTask } from "./detached.ts";
import { dropPayload, EFFECT_TIMERS } from "./run.ts";

export type TaskResultRefusal = { reason: "not_found" } | { reason: "expired" };

/** Keeps the first result, or of detached runs that of the one which has the task, and answers whether this was it. */
export function putResult(sql: Sql, env: CoreEnv, result: StoredResult): Result<boolean, never> {
  if (result.fence === undefined) {
    if (sql.get("SELECT 1 AS found FROM result") !== undefined) return ok(false);
  } else {
    if (!held(sql, result.fence).ok) return ok(false);
    sql.run("DELETE FROM result");
    sql.run("DELETE FROM result_chunk");
  }
  sql.run(
    "INSERT INTO result (one, status, content_type, stream, expires_ms, bytes) VALUES (1, ?, ?, ?, ?, ?)",
    result.status,
    result.content_type,
    result.stream ? 1 : 0,
    result.expires_ms,
    result.sealed.byteLength,
  );
  chunkBytes(result.sealed).forEach((chunk, at) => {
    sql.run("INSERT INTO result_chunk (at, sealed) VALUES (?, ?)", at, chunk);
  });
  setTimer(sql, { kind: "expire", key: "", due_ms: result.expires_ms });
  // The tombstone: a late repeat learns that there was a result, and never writes a second one.
  const kept = Math.max(result.expires_ms, env.now + LIMITS.taskRowMsMax);
  setTimer(sql, { kind: "forget", key: "", due_ms: kept });
  return ok(true);
}

/** `expired` from the first millisecond on, whether or not the alarm has come. */
export function readResult(sql: Sql, env: CoreEnv): Result<StoredResult, TaskResultRefusal> {
  const row = sql.get<{ status: number; content_type: string; stream: number; expires_ms: number; bytes: number }>(
    "SELECT status, content_type, stream, expires_ms, bytes FROM result",
  );
  if (!row) return err({ reason: "not_found" });
  if (row.expires_ms <= env.now) return err({ reason: "expired" });
  const chunks = sql.all<{ sealed: Uint8Array }>("SELECT sealed FROM result_chunk ORDER BY at");
  return ok({
    status: row.status,
    content_type: row.content_type,
    stream: row.stream === 1,
    sealed: joinBytes(
      chunks.map(({ sealed }) => sealed),
      row.bytes,
    ),
    expires_ms: row.expires_ms as UnixMs, // safe because: written from a UnixMs by `putResult`
  });
}

/** Unix milliseconds of the earliest work that `sweep` does, or null. */
export const sweepDue = (sql: Sql): number | null =>
  sql.get<{ due_ms: number | null }>(
    `SELECT min(due_ms) AS due_ms FROM _timers WHERE kind NOT IN (${[...EFFECT_TIMERS].map((kind) => `'${kind}'`).join(", ")})`,
  )?.due_ms ?? null;

/** More kinds than one task has timers. */
const TIMERS_MAX = 12;

/** One result, one payload, one log, their bytes in rows of at most `LIMITS.sqlChunkBytes`, until the tombstone ends too. */
export function sweep(sql: Sql, env: CoreEnv): boolean {
  for (const { kind, key } of dueTimers(sql, env.now, TIMERS_MAX)) {
    if (EFFECT_TIMERS.has(kind)) continue;
    if (kind === "lost") {
      loseTask(sql, env);
      continue;
    }
    if (kind === "log") {
      forgetLog(sql);
      continue;
    }
    if (kind === "forget") {
      dropEverything(sql);
      return false;
    }
    if (kind === "payload") {
      dropPayload(sql);
      continue;
    }
    sql.run("DELETE FROM result_chunk");
    sql.run("DELETE FROM _timers WHERE kind = ? AND key = ?", kind, key);
  }
  return false;
}
