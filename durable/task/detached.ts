import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { OutgoingJob } from "../../shared/contracts/ports/job-queue.ts";
import type {
  DetachedState,
  DetachedTask,
  FenceRefusal,
  LeasedTask,
  LeaseOptions,
  LeaseTaskRefusal,
  LogEnd,
  LogHead,
} from "../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { chunkBytes, joinBytes } from "../runtime/byte-chunks.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { clearTimer, setTimer } from "../runtime/timers.ts";
import { callbackProgress, dropCallback, dueCallback, putCallback } from "./callback.ts";

/**
 * A detached task and whoever has it.
 *
 * ```
 * queued ──lease──▶ running ──close──▶ done
 *    ▲                 │  ▲
 *    └── release, or ──┘  └── renewal that came late, if nobody took it
 *        the lease is over
 * ```
 * Timers: `send` (the job is not in the queue yet), `carry` (somebody is to take it up, or to end it), `lost` (the lease is
 * over), `callback`, `log` (call and log are forgotten), `forget` (the tombstone).
 */
export const DETACHED_SCHEMA: readonly string[] = [
  `CREATE TABLE detached (
    one INTEGER PRIMARY KEY CHECK (one = 1), phase TEXT NOT NULL, fence INTEGER NOT NULL, attempts INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL, cancel INTEGER NOT NULL, deadline_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,
    callback INTEGER NOT NULL, bytes INTEGER NOT NULL, job TEXT, head TEXT, frames INTEGER NOT NULL, ended TEXT
  )`,
  "CREATE TABLE call_chunk (at INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
  "CREATE TABLE log_part (first INTEGER PRIMARY KEY, frames INTEGER NOT NULL, sealed BLOB NOT NULL)",
];

/** Which process has the lease, where it is the one that keeps the objects. Null: another one, and it ends by time. */
export const HOLDER_SCHEMA: readonly string[] = ["ALTER TABLE detached ADD COLUMN holder TEXT"];

/** Which message is the dead letter of a task that was begun too often. */
export const LETTER_SCHEMA: readonly string[] = ["ALTER TABLE detached ADD COLUMN letter TEXT"];

/** The conversation that the task goes on with. */
export const SESSION_SCHEMA: readonly string[] = ["ALTER TABLE detached ADD COLUMN session TEXT"];

type Row = {
  phase: "queued" | "running" | "done";
  fence: number;
  attempts: number;
  lease_until_ms: number;
  cancel: number;
  deadline_ms: number;
  expires_ms: number;
  callback: number;
  bytes: number;
  job: string | null;
  head: string | null;
  frames: number;
  ended: LogEnd | null;
  holder: string | null;
  letter: string | null;
  session: string | null;
};
const ROW =
  "SELECT phase, fence, attempts, lease_until_ms, cancel, deadline_ms, expires_ms, callback, bytes, job, head, frames, ended, holder, letter, session FROM detached";

export const detachedRow = (sql: Sql): Row | undefined => sql.get<Row>(ROW);

export function detach(sql: Sql, env: CoreEnv, task: DetachedTask): Result<null, never> {
  if (detachedRow(sql)) return ok(null);
  sql.run(
    `INSERT INTO detached (one, phase, fence, attempts, lease_until_ms, cancel, deadline_ms, expires_ms, callback, bytes, job, head, frames, ended, session)
     VALUES (1, 'queued', 0, 0, 0, 0, ?, ?, ?, ?, ?, NULL, 0, NULL, ?)`,
    task.deadline,
    task.expires_ms,
    task.callback === null ? 0 : 1,
    task.sealed.byteLength,
    task.job === null ? null : JSON.stringify(task.job),
    task.session ?? null,
  );
  chunkBytes(task.sealed).forEach((chunk, at) => {
    sql.run("INSERT INTO call_chunk (at, sealed) VALUES (?, ?)", at, chunk);
  });
  if (task.callback !== null) putCallback(sql, task.callback, task.expires_ms);
  takeUp(sql, env.now, task.job !== null, task.deadline);
  setTimer(sql, { kind: "log", key: "", due_ms: task.expires_ms });
  setTimer(sql, { kind: "forget", key: "", due_ms: Math.max(task.expires_ms, env.now + LIMITS.taskRowMsMax) });
  return ok(null);
}

/** A worker is sent for, or the task is carried out from here; either way it is ended once it is too late. */
function takeUp(sql: Sql, atMs: number, queued: boolean, deadlineMs: number): void {
  if (queued) setTimer(sql, { kind: "send", key: "", due_ms: atMs });
  setTimer(sql, { kind: "carry", key: "", due_ms: queued ? Math.max(deadlineMs, atMs) : atMs });
}

const stateOf = (sql: Sql, row: Row): DetachedState => ({
  phase: row.phase,
  head: row.head === null ? null : (JSON.parse(row.head) as LogHead), // safe because: `openLog` wrote it
  frames: row.frames,
  end: row.ended,
  cancel: row.cancel === 1,
  attempts: row.attempts,
  deadline: row.deadline_ms as UnixMs, // safe because: `detach` was given one
  queued: row.job !== null,
  callback: row.callback === 1 ? callbackProgress(sql) : null,
  session: row.session,
});

/** `expired` once the log was forgotten. */
export function detachedState(
  sql: Sql,
  env: CoreEnv,
): Result<DetachedState, { reason: "not_found" } | { reason: "expired" }> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  return row.expires_ms <= env.now ? err({ reason: "expired" }) : ok(stateOf(sql, row));
}

export function detachedCall(sql: Sql): Result<Uint8Array, { reason: "not_found" } | { reason: "expired" }> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  const chunks = sql.all<{ sealed: Uint8Array }>("SELECT sealed FROM call_chunk ORDER BY at");
  if (chunks.length === 0 && row.bytes > 0) return err({ reason: "expired" });
  return ok(
    joinBytes(
      chunks.map(({ sealed }) => sealed),
      row.bytes,
    ),
  );
}

/** `renewing`: the fence whose holder is asking to prolong its lease at this moment. However late it is, it lives. */
export function leaseTask(
  sql: Sql,
  env: CoreEnv,
  { life_ms: lifeMs, held: again, holder, message }: LeaseOptions,
  here: string | null = null,
  renewing: number | null = null,
): Result<LeasedTask, LeaseTaskRefusal> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  if (row.phase === "done") return err({ reason: isLetter(sql, row, message) ? "exhausted" : "finished" });
  const leftMs = row.lease_until_ms - env.now;
  const taken = row.phase === "running" ? leftMs > 0 || row.fence === renewing : overdue(row) && row.fence === renewing;
  if (taken && !isFormer(row, here)) return err({ reason: "leased", retry_after_ms: leftMs > 0 ? leftMs : lifeMs / 3 });
  const next: Row = {
    ...row,
    phase: "running",
    fence: row.fence + 1,
    attempts: row.attempts + (again ? 0 : 1),
    lease_until_ms: env.now + lifeMs,
    holder: holder ?? null,
  };
  sql.run(
    "UPDATE detached SET phase = 'running', fence = ?, attempts = ?, lease_until_ms = ?, holder = ?",
    next.fence,
    next.attempts,
    next.lease_until_ms,
    next.holder,
  );
  clearTimer(sql, "send", "");
  clearTimer(sql, "carry", "");
  // If whoever has it dies, this is when somebody else is sent for, under a higher fence.
  setTimer(sql, { kind: "lost", key: "", due_ms: next.lease_until_ms });
  return ok({ ...stateOf(sql, next), fence: next.fence, unseen: unseenFrames(sql, next.frames) });
}

/** Frames behind the seen ones. */
export const unseenFrames = (sql: Sql, seen: number): number =>
  sql.get<{ n: number | null }>("SELECT SUM(frames) AS n FROM log_part WHERE first > ?", seen)?.n ?? 0;

/**
 * Whether the message is the dead letter of a poisoned task: the first that asks, and always the same one, so that a worker
 * that dies before it could bury it loses no letter.
 */
function isLetter(sql: Sql, { attempts, letter }: Row, message: string | undefined): boolean {
  if (attempts <= LIMITS.detachedAttemptsMax) return false;
  if (message === undefined || letter === message) return true;
  if (letter !== null) return false;
  sql.run("UPDATE detached SET letter = ?", message);
  return true;
}

/** Whether a process that has ended has the lease: its home has another one now. */
const isFormer = (row: Row, here: string | null): boolean =>
  here !== null && row.holder !== null && row.holder !== here;

/** Gives back what a former process had, so that nobody waits for its lease to end. Answers whether it had it. */
export function loseFormer(sql: Sql, env: CoreEnv, here: string): boolean {
  const row = detachedRow(sql);
  if (row?.phase !== "running" || !isFormer(row, here)) return false;
  endLease(sql);
  // Its worker may have waited long for a process that was away, and waits longest then.
  giveBack(sql, env.now, row, LIMITS.workerRejoinMs);
  return true;
}

/** Whoever had it may be late and not dead: until somebody else takes it, it is still theirs. */
const overdue = (row: Row): boolean => row.phase === "queued" && row.lease_until_ms > 0;

/** What was given up on purpose is not overdue. */
const endLease = (sql: Sql): void => sql.run("UPDATE detached SET lease_until_ms = 0");

/** The row when `fence` has the task now; a lease that ran out but that nobody else took still holds. */
export function held(sql: Sql, fence: number): Result<Row, FenceRefusal> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  return row.fence === fence && (row.phase === "running" || overdue(row)) ? ok(row) : err({ reason: "fenced" });
}

/** A lease that lost no more of its life than this is not written anew. */
const RENEW_SHARE = 0.1;

export function renewTask(
  sql: Sql,
  env: CoreEnv,
  fence: number,
  lifeMs: number,
): Result<{ cancel: boolean }, FenceRefusal> {
  const row = held(sql, fence);
  if (!row.ok) return row;
  const until = env.now + lifeMs;
  if (row.value.phase === "queued") {
    sql.run("UPDATE detached SET phase = 'running'");
    for (const kind of ["send", "carry"]) clearTimer(sql, kind, "");
  }
  // One that was prolonged a moment ago costs no write.
  if (until - row.value.lease_until_ms >= lifeMs * RENEW_SHARE) {
    sql.run("UPDATE detached SET lease_until_ms = ?", until);
    setTimer(sql, { kind: "lost", key: "", due_ms: until });
  }
  return ok({ cancel: row.value.cancel === 1 });
}

export function releaseTask(
  sql: Sql,
  env: CoreEnv,
  fence: number,
  { retry_ms: retryMs, attempted }: { retry_ms: number; attempted: boolean },
): Result<null, FenceRefusal> {
  const row = held(sql, fence);
  if (!row.ok) return row;
  const attempts = attempted ? row.value.attempts : Math.max(0, row.value.attempts - 1);
  sql.run("UPDATE detached SET attempts = ?", attempts);
  endLease(sql);
  giveBack(sql, env.now + retryMs, { ...row.value, attempts });
  return ok(null);
}

/** The lease is over and whoever had it is shut out. */
export function loseTask(sql: Sql, env: CoreEnv): void {
  clearTimer(sql, "lost", "");
  const row = detachedRow(sql);
  if (row?.phase === "running" && row.lease_until_ms <= env.now) giveBack(sql, env.now, row);
}

function giveBack(sql: Sql, atMs: number, row: Row, withinMs: number = LIMITS.workerReturnMs): void {
  clearTimer(sql, "lost", "");
  sql.run("UPDATE detached SET phase = 'queued'");
  // Only the worker that has what was delivered can go on with it: the others are sent for later.
  const returnMs = row.frames > 0 ? withinMs : 0;
  takeUp(sql, row.job === null ? atMs : atMs + returnMs, row.job !== null, row.deadline_ms);
  // What nobody may run any more is ended by hand; so is what its worker did not return for, as there may be no other one.
  if (row.cancel === 1 || row.attempts >= LIMITS.detachedAttemptsMax)
    setTimer(sql, { kind: "carry", key: "", due_ms: atMs });
  else if (returnMs > 0 && row.job !== null) setTimer(sql, { kind: "carry", key: "", due_ms: atMs + returnMs });
}

export function cancelTask(sql: Sql, env: CoreEnv): Result<DetachedState, { reason: "not_found" }> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  if (row.phase === "done") return ok(stateOf(sql, row));
  if (row.cancel === 0) {
    sql.run("UPDATE detached SET cancel = 1");
    if (row.phase === "queued") setTimer(sql, { kind: "carry", key: "", due_ms: env.now });
  }
  return ok(stateOf(sql, { ...row, cancel: 1 }));
}

/** The task has ended: nobody takes it up again, and its call is not needed any more. */
export function finishTask(sql: Sql, env: CoreEnv, end: LogEnd): void {
  sql.run("UPDATE detached SET phase = 'done', ended = ?", end);
  sql.run("DELETE FROM call_chunk");
  for (const kind of ["send", "carry", "lost"]) clearTimer(sql, kind, "");
  dueCallback(sql, env);
}

export interface DueJob {
  job: OutgoingJob;
  /** Of the task's last lease when it was due. */
  fence: number;
}

/** The job that is not in the queue yet, or null. */
export function dueJob(sql: Sql, env: CoreEnv): DueJob | null {
  const due = sql.get("SELECT 1 AS found FROM _timers WHERE kind = 'send' AND due_ms <= ?", env.now);
  const row = due === undefined ? undefined : detachedRow(sql);
  if (!row || row.job === null) return null;
  return { job: JSON.parse(row.job) as OutgoingJob, fence: row.fence }; // safe because: `detach` wrote it
}

/**
 * The queue has the job that was due at `fence`. Should it lose it, or keep it from everybody, it is sent again; whoever
 * receives both finds the task leased or finished. A worker may have had the task before we hear this: then the message is
 * used up, and what is due now is another one.
 */
export function jobSent(sql: Sql, env: CoreEnv, fence: number): void {
  const row = detachedRow(sql);
  if (row?.phase === "queued" && row.fence === fence)
    setTimer(sql, { kind: "send", key: "", due_ms: env.now + LIMITS.jobResendMs });
}

/** Call and log, not the tombstone. */
export function forgetLog(sql: Sql): void {
  sql.run("DELETE FROM call_chunk");
  sql.run("DELETE FROM log_part");
  dropCallback(sql, "expired");
  clearTimer(sql, "log", "");
}

export function forgetTask(sql: Sql, env: CoreEnv): Result<null, { reason: "not_found" } | { reason: "running" }> {
  const row = detachedRow(sql);
  if (!row) return err({ reason: "not_found" });
  if (row.phase !== "done") return err({ reason: "running" });
  dropCallback(sql, "deleted");
  forgetLog(sql);
  sql.run("UPDATE detached SET expires_ms = ?, head = NULL", Math.min(row.expires_ms, env.now));
  return ok(null);
}
