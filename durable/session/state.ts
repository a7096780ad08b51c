import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { SessionInfo, SessionItem } from "../../shared/contracts/ports/session-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { setTimer } from "../runtime/timers.ts";

export type Missing = { reason: "not_found" };
export type Conflict = { reason: "version_conflict"; version: number };
export type Full = { reason: "limit" };

/** The session's row as it stands in the running call. */
export interface SessionState extends SessionInfo {
  items: number;
  bytes: number;
  /** Has a life of its own, whatever responses are in it. */
  conversation: boolean;
}

/** Null when nothing was created, or it expired: the alarm only tidies up what is already out of reach. */
export function loadSession(sql: Sql, env: CoreEnv): SessionState | null {
  const row = sql.get<{
    id: string;
    created_ms: number;
    expires_ms: number;
    version: number;
    meta: Uint8Array | null;
    items: number;
    bytes: number;
    subject_key: string;
    wrapped_key: Uint8Array;
    conversation: number;
  }>(
    `SELECT id, created_ms, expires_ms, version, meta, items, bytes, subject_key, wrapped_key, conversation
     FROM session`,
  );
  // Without a key of its own it is from before there were any: nobody could erase it, so nobody reads it.
  if (!row || row.expires_ms <= env.now || row.subject_key === "") return null;
  const { subject_key, wrapped_key, conversation, ...session } = row;
  return {
    ...session,
    key: { subject_key, wrapped: wrapped_key },
    conversation: conversation === 1,
    created_ms: row.created_ms as UnixMs, // safe because: written from UnixMs only
    expires_ms: row.expires_ms as UnixMs, // safe because: written from UnixMs only
  };
}

export const infoOf = ({ id, created_ms, expires_ms, version, meta, key }: SessionState): SessionInfo => ({
  id,
  created_ms,
  expires_ms,
  version,
  meta,
  key,
});

/** The session, if it is there and still at the version that the caller saw. */
export function sessionAt(
  sql: Sql,
  env: CoreEnv,
  expectedVersion: number | null,
): Result<SessionState, Missing | Conflict> {
  const session = loadSession(sql, env);
  if (!session) return err({ reason: "not_found" });
  if (expectedVersion !== null && expectedVersion !== session.version) {
    return err({ reason: "version_conflict", version: session.version });
  }
  return ok(session);
}

/** Writes the next version of the session; its end is also its timer. */
export function saveSession(sql: Sql, session: SessionState): Result<SessionInfo, never> {
  const next = { ...session, version: session.version + 1 };
  sql.run(
    "UPDATE session SET version = ?, expires_ms = ?, meta = ?, items = ?, bytes = ?",
    next.version,
    next.expires_ms,
    next.meta,
    next.items,
    next.bytes,
  );
  setTimer(sql, { kind: "session", key: "", due_ms: next.expires_ms });
  return ok(infoOf(next));
}

/** Whether the session may hold this much. */
export const fits = (session: { items: number; bytes: number }): boolean =>
  session.items <= LIMITS.sessionItemsMax && session.bytes <= LIMITS.sessionBytesMax;

export const itemsFit = (items: readonly SessionItem[]): boolean =>
  items.every((item) => item.sealed.byteLength <= LIMITS.sessionItemBytesMax);

/** No later than the longest life of a session. */
export const boundedExpiry = (env: CoreEnv, expires_ms: UnixMs): UnixMs =>
  Math.min(expires_ms, env.now + LIMITS.sessionMsMax) as UnixMs; // safe because: both are Unix milliseconds

/** Adds items at the end; answers how much was added. */
export function insertItems(
  sql: Sql,
  items: readonly SessionItem[],
  place: { listed: boolean; response: string | null; role: "input" | "output" | null },
): { items: number; bytes: number } {
  const added = { items: 0, bytes: 0 };
  for (const item of items) {
    // An item never changes, so an id that already stands in the conversation is a repeat.
    const repeats = place.listed && sql.get("SELECT 1 AS found FROM item WHERE listed = 1 AND id = ?", item.id);
    if (repeats && place.response === null) continue;
    sql.run(
      "INSERT INTO item (id, type, sealed, listed, response, role) VALUES (?, ?, ?, ?, ?, ?)",
      item.id,
      item.type,
      item.sealed,
      place.listed && !repeats ? 1 : 0,
      place.response,
      place.role,
    );
    added.items++;
    added.bytes += item.sealed.byteLength;
  }
  return added;
}
