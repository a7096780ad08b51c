import type { FileId, UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { BatchGone, FilePurpose, FileRecord, ListQuery } from "../../shared/contracts/ports/batch-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql, SqlRow } from "../runtime/sql.ts";
import { clearTimer, setTimer } from "../runtime/timers.ts";
import { pageOf } from "./page.ts";

type Row = SqlRow & {
  id: string;
  workspace: string;
  purpose: string;
  bytes: number;
  name: string;
  created_ms: number;
  expires_ms: number | null;
};
const COLUMNS = "id, workspace, purpose, bytes, name, created_ms, expires_ms";

const recordOf = (row: Row): FileRecord => ({
  ...row,
  // safe because: `beginFile` wrote these
  id: row.id as FileId,
  purpose: row.purpose as FilePurpose,
  created_ms: row.created_ms as UnixMs,
  expires_ms: row.expires_ms as UnixMs | null,
});

export function beginFile(
  sql: Sql,
  env: CoreEnv,
  file: Pick<FileRecord, "id" | "workspace">,
): Result<null, { reason: "limit" }> {
  return sql.transaction((): Result<null, { reason: "limit" }> => {
    if (sql.get("SELECT 1 AS found FROM file WHERE id = ?", file.id) !== undefined) return ok(null);
    const files = sql.get<{ n: number }>("SELECT count(*) AS n FROM file WHERE state <> 'gone'")?.n ?? 0;
    if (files >= LIMITS.filesPerTenantMax) return err({ reason: "limit" });
    sql.run(
      `INSERT INTO file (state, ${COLUMNS}) VALUES ('pending', ?, ?, '', 0, '', ?, NULL)`,
      file.id,
      file.workspace,
      env.now,
    );
    // If whoever uploads dies, this is when its content is removed.
    setTimer(sql, { kind: "file", key: file.id, due_ms: env.now + 2 * LIMITS.uploadMsMax });
    return ok(null);
  });
}

/** Repeated, it changes nothing. */
export function keepFile(
  sql: Sql,
  env: CoreEnv,
  id: FileId,
  kept: Pick<FileRecord, "purpose" | "bytes" | "name" | "expires_ms">,
): Result<FileRecord, BatchGone> {
  sql.run(
    "UPDATE file SET state = 'kept', bytes = ?, purpose = ?, name = ?, expires_ms = ? WHERE id = ? AND state = 'pending'",
    kept.bytes,
    kept.purpose,
    kept.name,
    kept.expires_ms,
    id,
  );
  const found = file(sql, env, id);
  if (!found.ok) return found;
  if (found.value.expires_ms === null) clearTimer(sql, "file", id);
  else setTimer(sql, { kind: "file", key: id, due_ms: found.value.expires_ms });
  return found;
}

/** Expired from the first millisecond on, whether or not the alarm has come. */
export function file(sql: Sql, env: CoreEnv, id: FileId): Result<FileRecord, BatchGone> {
  const row = sql.get<Row>(`SELECT ${COLUMNS} FROM file WHERE id = ? AND state = 'kept'`, id);
  if (!row || (row.expires_ms !== null && row.expires_ms <= env.now)) return err({ reason: "not_found" });
  return ok(recordOf(row));
}

export function files(
  sql: Sql,
  env: CoreEnv,
  query: ListQuery & { purpose: FilePurpose | null },
): { data: FileRecord[]; more: boolean } {
  const where = ["state = 'kept'", "(expires_ms IS NULL OR expires_ms > ?1)", "(?2 IS NULL OR purpose = ?2)"];
  const page = pageOf<Row>(sql, `SELECT ${COLUMNS} FROM file`, where, [env.now, query.purpose], query);
  return { data: page.data.map(recordOf), more: page.more };
}

export function dropFile(sql: Sql, env: CoreEnv, id: FileId): Result<null, BatchGone> {
  const found = file(sql, env, id);
  if (!found.ok) return found;
  goneFile(sql, env, id);
  return ok(null);
}

/** Out of reach; the alarm's effects remove its content, then its row. */
export function goneFile(sql: Sql, env: CoreEnv, id: string): void {
  sql.run("UPDATE file SET state = 'gone' WHERE id = ?", id);
  clearTimer(sql, "file", id);
  setTimer(sql, { kind: "remove", key: id, due_ms: env.now });
}

export function removedFile(sql: Sql, id: string): void {
  sql.run("DELETE FROM file WHERE id = ? AND state = 'gone'", id);
  clearTimer(sql, "remove", id);
}
