import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { Sql } from "../../runtime/sql.ts";
import { keptSessions } from "./kept-sessions.ts";
import { moveOf } from "./move-state.ts";

/**
 * Parts of the archive that is being made: where each begins, and the digest of those that were given out. Rows live as
 * long as the tenant leaves, and are no part of the archive.
 */
export const EXPORT_SCHEMA: readonly string[] = [
  "CREATE TABLE move_part (n INTEGER PRIMARY KEY, position TEXT NOT NULL, sha256 TEXT)",
];
/** Tables that are about the move itself. */
export const MOVE_TABLES: readonly string[] = ["move", "move_part"];

const FIRST = "null";

export type PartRefusal = { reason: "not_leaving" } | { reason: "no_such_part" };

/** Where a part begins; null: at the beginning of everything. Parts that were given out may be made again. */
export function partBegins(sql: Sql, move: string, part: number): Result<{ position: string | null }, PartRefusal> {
  const at = moveOf(sql);
  if (at?.phase !== "frozen" || at.id !== move) return err({ reason: "not_leaving" });
  if (part === 0) return ok({ position: null });
  const row = sql.get<{ position: string }>("SELECT position FROM move_part WHERE n = ?", part);
  return row ? ok({ position: row.position }) : err({ reason: "no_such_part" });
}

/** Every part's digest in order, once all of them were given out: those before `parts`. */
export function partDigests(sql: Sql, move: string, parts: number): Result<string[], PartRefusal> {
  const at = moveOf(sql);
  if (at?.phase !== "frozen" || at.id !== move) return err({ reason: "not_leaving" });
  const rows = sql.all<{ sha256: string | null }>("SELECT sha256 FROM move_part WHERE n < ? ORDER BY n", parts);
  const digests = rows.flatMap(({ sha256 }) => (sha256 === null ? [] : [sha256]));
  return digests.length === parts ? ok(digests) : err({ reason: "no_such_part" });
}

/**
 * A part was made, and the next one begins at `next`; `sha256` null: there was nothing in it, and it begins there itself.
 * What was made behind it before is made anew.
 */
export function notePart(
  sql: Sql,
  move: string,
  { part, sha256, next }: { part: number; sha256: string | null; next: string },
): Result<null, PartRefusal> {
  return sql.transaction((): Result<null, PartRefusal> => {
    const begins = partBegins(sql, move, part);
    if (!begins.ok) return begins;
    const position = sha256 === null ? next : (begins.value.position ?? FIRST);
    sql.run("DELETE FROM move_part WHERE n >= ?", part);
    sql.run("INSERT INTO move_part (n, position, sha256) VALUES (?, ?, ?)", part, position, sha256);
    if (sha256 !== null) sql.run("INSERT INTO move_part (n, position) VALUES (?, ?)", part + 1, next);
    return ok(null);
  });
}

/** Of the parts of a move that is over. Part of the running transaction. */
export const forgetParts = (sql: Sql): void => sql.run("DELETE FROM move_part");

/** Objects that a tenant's sessions and tasks may have: one that is named here was perhaps never made. */
export interface NamedObject {
  class: "session" | "task";
  id: string;
}

/**
 * In order, from behind `after` on: every session that content was begun in, and every task that is remembered, that of a
 * waiting approval included.
 */
export function namedObjects(sql: Sql, after: NamedObject | null, limit: number): NamedObject[] {
  const found: NamedObject[] = [];
  if (after === null || after.class === "session")
    for (const id of keptSessions(sql, after?.id ?? null, limit)) found.push({ class: "session", id });
  if (found.length >= limit) return found;
  const from = after?.class === "task" ? after.id : "";
  const tasks = sql.all<{ id: string }>(
    `SELECT id FROM (SELECT id FROM task WHERE id > ? UNION SELECT task AS id FROM approval WHERE task > ?)
     ORDER BY id LIMIT ?`,
    from,
    from,
    limit - found.length,
  );
  return [...found, ...tasks.map(({ id }): NamedObject => ({ class: "task", id }))];
}
