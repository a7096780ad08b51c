import { LIMITS } from "../../shared/contracts/limits.ts";
import type { RunLease, TaskPayload } from "../../shared/contracts/ports/task-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { chunkBytes, joinBytes } from "../runtime/byte-chunks.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { clearTimer, dueTimers, setTimer } from "../runtime/timers.ts";
import { takeCallback } from "./callback.ts";
import { type DueJob, dueJob } from "./detached.ts";

/**
 * ```
 * waiting ──start──▶ due ──lease──▶ leased ──end(done)──▶ done
 *                     ▲                │
 *                     └─end(retry), or the lease is over
 * ```
 */
export const RUN_SCHEMA: readonly string[] = [
  "CREATE TABLE payload (digest TEXT PRIMARY KEY, bytes INTEGER NOT NULL, expires_ms INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE TABLE payload_chunk (digest TEXT NOT NULL, at INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (digest, at))",
  `CREATE TABLE run (
    one INTEGER PRIMARY KEY CHECK (one = 1), state TEXT NOT NULL, fence INTEGER NOT NULL, attempts INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL
  )`,
];

type Run = { state: "waiting" | "due" | "leased" | "done"; fence: number; attempts: number; lease_until_ms: number };
const RUN = "SELECT state, fence, attempts, lease_until_ms FROM run";

/** Timers that the alarm's effects serve; the others are served by its sweep. */
export const EFFECT_TIMERS: ReadonlySet<string> = new Set(["run", "notify", "send", "carry", "callback"]);

export function putPayload(sql: Sql, env: CoreEnv, payload: TaskPayload): Result<null, never> {
  if (sql.get("SELECT 1 AS found FROM payload WHERE digest = ?", payload.digest) !== undefined) return ok(null);
  sql.run(
    "INSERT INTO payload (digest, bytes, expires_ms) VALUES (?, ?, ?)",
    payload.digest,
    payload.sealed.byteLength,
    payload.expires_ms,
  );
  chunkBytes(payload.sealed).forEach((chunk, at) => {
    sql.run("INSERT INTO payload_chunk (digest, at, sealed) VALUES (?, ?, ?)", payload.digest, at, chunk);
  });
  sql.run("INSERT OR IGNORE INTO run (one, state, fence, attempts, lease_until_ms) VALUES (1, 'waiting', 0, 0, 0)");
  // A run that starts in its last moment still finds what it is to do.
  setTimer(sql, { kind: "payload", key: "", due_ms: payload.expires_ms + LIMITS.approvalRunMsMax });
  setTimer(sql, { kind: "forget", key: "", due_ms: payload.expires_ms + LIMITS.taskRowMsMax });
  if (payload.notify) setTimer(sql, { kind: "notify", key: "0", due_ms: env.now });
  return ok(null);
}

export function readPayload(
  sql: Sql,
  digest: string,
): Result<Uint8Array, { reason: "not_found" } | { reason: "expired" }> {
  const row = sql.get<{ bytes: number }>("SELECT bytes FROM payload WHERE digest = ?", digest);
  if (!row) return err({ reason: "not_found" });
  const chunks = sql.all<{ sealed: Uint8Array }>(
    "SELECT sealed FROM payload_chunk WHERE digest = ? ORDER BY at",
    digest,
  );
  if (chunks.length === 0 && row.bytes > 0) return err({ reason: "expired" });
  return ok(
    joinBytes(
      chunks.map(({ sealed }) => sealed),
      row.bytes,
    ),
  );
}

export function startRun(sql: Sql, env: CoreEnv): Result<null, { reason: "not_found" }> {
  const run = sql.get<Run>(RUN);
  if (!run) return err({ reason: "not_found" });
  if (run.state !== "waiting") return ok(null);
  sql.run("UPDATE run SET state = 'due'");
  setTimer(sql, { kind: "run", key: "", due_ms: env.now });
  setTimer(sql, { kind: "payload", key: "", due_ms: env.now + LIMITS.approvalRunMsMax });
  return ok(null);
}

export function leaseRun(
  sql: Sql,
  env: CoreEnv,
  lifeMs: number,
): Result<RunLease, { reason: "not_found" } | { reason: "finished" } | { reason: "leased"; retry_after_ms: number }> {
  const run = sql.get<Run>(RUN);
  if (!run || run.state === "waiting") return err({ reason: "not_found" });
  if (run.state === "done") return err({ reason: "finished" });
  if (run.state === "leased" && run.lease_until_ms > env.now)
    return err({ reason: "leased", retry_after_ms: run.lease_until_ms - env.now });
  const until = env.now + lifeMs;
  const next = { fence: run.fence + 1, attempts: run.attempts + 1 };
  sql.run(
    "UPDATE run SET state = 'leased', fence = ?, attempts = ?, lease_until_ms = ?",
    next.fence,
    next.attempts,
    until,
  );
  // If the runner dies, this is when the next one takes over, under a higher fence.
  setTimer(sql, { kind: "run", key: "", due_ms: until });
  return ok(next);
}

export function endRun(
  sql: Sql,
  env: CoreEnv,
  fence: number,
  end: { done: true } | { done: false; retry_ms: number },
): Result<null, { reason: "not_found" } | { reason: "fenced" }> {
  const run = sql.get<Run>(RUN);
  if (!run) return err({ reason: "not_found" });
  if (run.state !== "leased" || run.fence !== fence) return err({ reason: "fenced" });
  if (end.done) {
    sql.run("UPDATE run SET state = 'done'");
    sql.run("DELETE FROM payload_chunk");
    clearTimer(sql, "run", "");
    clearTimer(sql, "payload", "");
  } else {
    sql.run("UPDATE run SET state = 'due'");
    setTimer(sql, { kind: "run", key: "", due_ms: env.now + end.retry_ms });
  }
  return ok(null);
}

export interface DueWork {
  run: boolean;
  notify: boolean;
  carry: boolean;
  callback: boolean;
  /** Not in the queue yet. */
  job: DueJob | null;
}

/**
 * What the alarm is to do outside of the object. What is told to others is moved on before it is tried: it is never lost,
 * and never tried in a hurry.
 */
export function dueWork(sql: Sql, env: CoreEnv): DueWork {
  const due: DueWork = { run: false, notify: false, carry: false, callback: false, job: dueJob(sql, env) };
  for (const { kind, key } of dueTimers(sql, env.now, 8)) {
    if (kind === "run" || kind === "carry") due[kind] = true;
    if (kind === "callback") {
      due.callback = true;
      takeCallback(sql, env);
    }
    if (kind !== "notify") continue;
    due.notify = true;
    const tries = Number(key) + 1;
    clearTimer(sql, kind, key);
    if (tries < LIMITS.approvalNotifyTriesMax)
      setTimer(sql, { kind, key: String(tries), due_ms: env.now + LIMITS.approvalNotifyMsMin * 2 ** (tries - 1) });
  }
  return due;
}

/** Whoever was to be told that it waits, was. */
export const notified = (sql: Sql): void => sql.run("DELETE FROM _timers WHERE kind = 'notify'");

/** The payload's time is over and no run took it. */
export function dropPayload(sql: Sql): void {
  sql.run("DELETE FROM payload_chunk");
  sql.run("UPDATE run SET state = 'done' WHERE state = 'waiting'");
  clearTimer(sql, "payload", "");
  sql.run("DELETE FROM _timers WHERE kind = 'notify'");
}
