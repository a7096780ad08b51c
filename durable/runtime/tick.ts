import { isProvisioned } from "./migrate.ts";
import type { NodeSql } from "./node-sql.ts";
import type { PendingCall } from "./pending-call.ts";
import type { CoreEnv } from "./sql.ts";
import type { SqliteFile } from "./sqlite-file.ts";

/**
 * Runs the calls of one tick, each atomic by itself, in a transaction that stays open for its owner to commit. Answers
 * whether the object is provisioned afterwards. Nearly every call keeps what it writes, and a savepoint would cost it a
 * third of its time: so the first attempt has none, and when a call has to be undone all of them are, and run once more
 * with savepoints. Throws when SQLite gave the transaction up; then nothing of it is left.
 */
export function runTick(file: SqliteFile, calls: readonly PendingCall[], env: CoreEnv, provisioned: boolean): boolean {
  const { sql } = file;
  sql.enter(false);
  const after = runCalls(file, calls, env, provisioned);
  if (!sql.mustRepeat) return after;
  sql.abandon();
  sql.enter();
  return runCalls(file, calls, env, isProvisioned(sql));
}

function runCalls(file: SqliteFile, calls: readonly PendingCall[], env: CoreEnv, provisioned: boolean): boolean {
  const { sql } = file;
  let exists = provisioned;
  for (const call of calls) {
    if (!exists && !call.provisions) continue;
    runCall(sql, call, env);
    if (sql.mustRepeat) return exists;
    if (!sql.takeSchemaTouched()) continue;
    exists = isProvisioned(sql);
    file.schemaChanged = true;
  }
  return exists;
}

function runCall(sql: NodeSql, call: PendingCall, env: CoreEnv): void {
  sql.enter();
  try {
    call.run(sql, env);
    sql.leave();
  } catch (cause) {
    sql.abandon();
    call.threw(cause);
  }
  // On a full disk or an I/O error SQLite ends the whole transaction: nothing of the tick is left to commit.
  if (!sql.inTransaction) throw new Error("the transaction of the tick was rolled back by SQLite");
}
