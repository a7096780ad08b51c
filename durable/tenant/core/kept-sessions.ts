import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { KeptSession } from "../../../shared/contracts/ports/content-store.ts";
import type { Sql } from "../../runtime/sql.ts";

/**
 * The sessions that content may be in, because a platform that keeps objects by name does not tell which ones there are.
 * `listed` counts the conversations that were begun with a name; those from before there was a list were begun without.
 */
export const KEPT_SESSION_SCHEMA: readonly string[] = [
  "CREATE TABLE kept_session (name TEXT PRIMARY KEY, expires_ms INTEGER NOT NULL) WITHOUT ROWID",
  "CREATE INDEX kept_session_by_expiry ON kept_session (expires_ms)",
  "ALTER TABLE subject_key ADD COLUMN listed INTEGER NOT NULL DEFAULT 0",
];

const NAME = /^[0-9A-Za-z_-]{1,60}$/;

/** What the edge must never send: a bug there, not an outcome. */
export function checkKept(kept: KeptSession | undefined): void {
  if (kept === undefined) return;
  if (!NAME.test(kept.session)) throw new RangeError("no session has such a name");
  if (!Number.isSafeInteger(kept.expires_ms)) throw new RangeError("the end of a session out of range");
}

/** Part of the running transaction. The same session again stays listed as long as the longest asked for. */
export function keepListed(sql: Sql, nowMs: number, { session, expires_ms }: KeptSession): void {
  sql.run(
    `INSERT INTO kept_session (name, expires_ms) VALUES (?, ?)
     ON CONFLICT (name) DO UPDATE SET expires_ms = max(expires_ms, excluded.expires_ms)`,
    session,
    Math.min(expires_ms, nowMs + LIMITS.sessionMsMax),
  );
}

/** Sessions that expired, and whose remains are gone; answers whether more may be left. */
export const forgetKept = (sql: Sql, nowMs: number, rows: number): boolean =>
  sql.change(
    "DELETE FROM kept_session WHERE name IN (SELECT name FROM kept_session WHERE expires_ms <= ? LIMIT ?)",
    nowMs - LIMITS.erasedSessionMsMax,
    rows,
  ) === rows;

/** In order of their names, from behind `after` on. */
export const keptSessions = (sql: Sql, after: string | null, limit: number): string[] =>
  sql
    .all<{ name: string }>("SELECT name FROM kept_session WHERE name > ? ORDER BY name LIMIT ?", after ?? "", limit)
    .map(({ name }) => name);

/** Whether a conversation may be there that is not listed. */
export const hasUnlisted = (sql: Sql): boolean =>
  sql.get("SELECT 1 AS found FROM subject_key WHERE conversations > listed") !== undefined;
