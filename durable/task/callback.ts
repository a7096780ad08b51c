import type {
  CallbackEnd,
  CallbackProgress,
  CallbackReason,
  CallbackState,
  PendingCallback,
} from "../../shared/contracts/callback.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { CallbackRefusal } from "../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { clearTimer, setTimer } from "../runtime/timers.ts";

/** States and their order: `shared/contracts/callback.ts`. Who is told, and where, is sealed until that is over. */
export const CALLBACK_SCHEMA: readonly string[] = [
  `CREATE TABLE callback (
    one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL, attempts INTEGER NOT NULL, last_status INTEGER,
    reason TEXT, expires_ms INTEGER NOT NULL, sealed BLOB NOT NULL
  )`,
];

type Row = {
  state: CallbackState;
  attempts: number;
  last_status: number | null;
  reason: CallbackReason | null;
  expires_ms: number;
};
const ROW = "SELECT state, attempts, last_status, reason, expires_ms FROM callback";
const NOTHING = new Uint8Array();

export const putCallback = (sql: Sql, sealed: Uint8Array, expiresMs: number): void =>
  sql.run(
    "INSERT INTO callback (one, state, attempts, last_status, reason, expires_ms, sealed) VALUES (1, 'waiting', 0, NULL, NULL, ?, ?)",
    expiresMs,
    sealed,
  );

/** Null for a task that nobody wants to hear of. */
export function callbackProgress(sql: Sql): CallbackProgress | null {
  const row = sql.get<Row>(ROW);
  if (!row) return null;
  const { state, attempts, last_status, reason } = row;
  return { state, attempts, last_status, reason };
}

/** The task has ended: its caller is told from now on. */
export function dueCallback(sql: Sql, env: CoreEnv): void {
  if (sql.get<Row>(ROW)?.state === "waiting") setTimer(sql, { kind: "callback", key: "", due_ms: env.now });
}

/**
 * Takes the due try for as long as one may last: if we crash during it, it is made again after that, under the same
 * delivery id.
 */
export const takeCallback = (sql: Sql, env: CoreEnv): void =>
  setTimer(sql, { kind: "callback", key: "", due_ms: env.now + LIMITS.callbackTryMsMax });

export function readCallback(sql: Sql): Result<PendingCallback, CallbackRefusal> {
  const row = sql.get<Row & { sealed: Uint8Array }>(
    "SELECT state, attempts, last_status, reason, expires_ms, sealed FROM callback",
  );
  if (!row) return err({ reason: "not_found" });
  return row.state === "waiting" ? ok({ ...row }) : err({ reason: "over" });
}

/** Counted before it is tried, so that a receiver whose answers kill us is not asked for ever. */
export function beginCallback(sql: Sql): Result<{ attempt: number }, CallbackRefusal> {
  const row = sql.get<Row>(ROW);
  if (!row) return err({ reason: "not_found" });
  if (row.state !== "waiting") return err({ reason: "over" });
  const attempt = row.attempts + 1;
  sql.run("UPDATE callback SET attempts = ?", attempt);
  return ok({ attempt });
}

/** How the newest try ended; an older one's end changes nothing, unless it delivered. */
export function endCallback(sql: Sql, env: CoreEnv, attempt: number, end: CallbackEnd): Result<null, CallbackRefusal> {
  const row = sql.get<Row>(ROW);
  if (!row) return err({ reason: "not_found" });
  if (row.state !== "waiting") return err({ reason: "over" });
  if (row.attempts !== attempt && end.state !== "delivered") return ok(null);
  sql.run(
    "UPDATE callback SET state = ?, last_status = ?, reason = ?",
    end.state,
    end.last_status ?? row.last_status,
    end.reason,
  );
  if (end.state === "waiting") setTimer(sql, { kind: "callback", key: "", due_ms: env.now + end.retry_ms });
  else closeCallback(sql);
  return ok(null);
}

/** Nobody is told any more, for this reason unless it was over already. */
export function dropCallback(sql: Sql, reason: "expired" | "deleted"): void {
  sql.run(
    "UPDATE callback SET state = ?, reason = ? WHERE state = 'waiting'",
    reason === "expired" ? "failed" : "stopped",
    reason,
  );
  closeCallback(sql);
}

function closeCallback(sql: Sql): void {
  sql.run("UPDATE callback SET sealed = ?", NOTHING);
  clearTimer(sql, "callback", "");
}
