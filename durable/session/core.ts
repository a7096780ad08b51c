import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { NewSession, SessionInfo, SessionItem, SessionKey } from "../../shared/contracts/ports/session-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { WRAPPED_KEY } from "../../shared/crypto/wrap-key.ts";
import { dropEverything } from "../runtime/migrate.ts";
import type { ObjectClass } from "../runtime/object-class.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { clearTimer, dueTimers, nextTimer, setTimer } from "../runtime/timers.ts";
import { ERASED_TIMER, erasedOf } from "./erase.ts";
import { SESSION_MIGRATIONS } from "./migrations.ts";
import { forgetResponse } from "./responses.ts";
import {
  boundedExpiry,
  type Conflict,
  type Full,
  fits,
  infoOf,
  insertItems,
  itemsFit,
  loadSession,
  type Missing,
  saveSession,
  sessionAt,
} from "./state.ts";

/** Timers handled in one sweep: each may delete a response of some megabytes. */
const SWEEP_MAX = 50;

/** One conversation: ordered sealed items with optimistic versions, gone at its expiry. */
export const sessionClass: ObjectClass = {
  name: "session",
  migrations: SESSION_MIGRATIONS,
  overwrites: true,
  nextDue: nextTimer,
  sweep,
};

export function create(
  sql: Sql,
  env: CoreEnv,
  id: string,
  spec: NewSession,
): Result<SessionInfo, { reason: "exists" } | Full> {
  return sql.transaction((): Result<SessionInfo, { reason: "exists" } | Full> => {
    if (loadSession(sql, env) || erasedOf(sql)) return err({ reason: "exists" });
    const { key } = spec;
    if (key.subject_key === "" || key.wrapped.byteLength !== WRAPPED_KEY.bytes)
      throw new RangeError("a session has a wrapped key of its own");
    if (!itemsFit(spec.items) || (spec.meta?.byteLength ?? 0) > LIMITS.sessionItemBytesMax) {
      return err({ reason: "limit" });
    }
    const expires_ms = boundedExpiry(env, spec.expires_ms);
    const added = insertItems(sql, spec.items, { listed: true, response: null, role: null });
    if (!fits(added)) return err({ reason: "limit" });
    sql.run(
      `INSERT INTO session (one, id, created_ms, expires_ms, version, meta, items, bytes, subject_key, wrapped_key, conversation)
       VALUES (1, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?)`,
      id,
      env.now,
      expires_ms,
      spec.meta,
      added.items,
      added.bytes,
      key.subject_key,
      key.wrapped,
      spec.conversation ? 1 : 0,
    );
    setTimer(sql, { kind: "session", key: "", due_ms: expires_ms });
    const created_ms = env.now as UnixMs; // safe because: shells give Unix milliseconds
    return ok({ id, created_ms, expires_ms, version: 1, meta: spec.meta, key });
  });
}

export function info(sql: Sql, env: CoreEnv): Result<SessionInfo, Missing> {
  const session = loadSession(sql, env);
  return session ? ok(infoOf(session)) : err({ reason: "not_found" });
}

export function setMeta(
  sql: Sql,
  env: CoreEnv,
  expectedVersion: number,
  meta: Uint8Array | null,
): Result<SessionInfo, Missing | Conflict> {
  const session = sessionAt(sql, env, expectedVersion);
  return session.ok ? saveSession(sql, { ...session.value, meta }) : session;
}

export function append(
  sql: Sql,
  env: CoreEnv,
  expectedVersion: number | null,
  items: readonly SessionItem[],
): Result<SessionInfo, Missing | Conflict | Full> {
  return sql.transaction((): Result<SessionInfo, Missing | Conflict | Full> => {
    const found = sessionAt(sql, env, expectedVersion);
    if (!found.ok) return found;
    if (!itemsFit(items)) return err({ reason: "limit" });
    const added = insertItems(sql, items, { listed: true, response: null, role: null });
    if (added.items === 0) return ok(infoOf(found.value));
    const session = { ...found.value, items: found.value.items + added.items, bytes: found.value.bytes + added.bytes };
    return fits(session) ? saveSession(sql, session) : err({ reason: "limit" });
  });
}

export interface ItemPage {
  after: string | null;
  limit: number;
  order: "asc" | "desc";
}

/** `not_found` also when `after` is no item of the conversation (any more): there is no place to go on from. */
export function items(
  sql: Sql,
  env: CoreEnv,
  page: ItemPage,
): Result<{ items: SessionItem[]; more: boolean; version: number; key: SessionKey }, Missing> {
  const session = loadSession(sql, env);
  if (!session) return err({ reason: "not_found" });
  const forward = page.order === "asc";
  const from =
    page.after === null
      ? { seq: forward ? 0 : Number.MAX_SAFE_INTEGER }
      : sql.get<{ seq: number }>("SELECT seq FROM item WHERE listed = 1 AND id = ?", page.after);
  if (!from) return err({ reason: "not_found" });
  const limit = Math.max(1, Math.min(page.limit, LIMITS.sessionItemsMax));
  const rows = sql.all<{ id: string; type: string; sealed: Uint8Array }>(
    forward
      ? "SELECT id, type, sealed FROM item WHERE listed = 1 AND seq > ? ORDER BY seq LIMIT ?"
      : "SELECT id, type, sealed FROM item WHERE listed = 1 AND seq < ? ORDER BY seq DESC LIMIT ?",
    from.seq,
    limit + 1,
  );
  return ok({
    items: rows.slice(0, limit).map(({ id, type, sealed }) => ({ id, type, sealed })),
    more: rows.length > limit,
    version: session.version,
    key: session.key,
  });
}

/** One item that stands in the conversation. */
export function item(sql: Sql, env: CoreEnv, id: string): Result<{ item: SessionItem; key: SessionKey }, Missing> {
  const session = loadSession(sql, env);
  const row = session
    ? sql.get<{ id: string; type: string; sealed: Uint8Array }>(
        "SELECT id, type, sealed FROM item WHERE listed = 1 AND id = ?",
        id,
      )
    : undefined;
  if (!session || !row) return err({ reason: "not_found" });
  return ok({ item: { id: row.id, type: row.type, sealed: row.sealed }, key: session.key });
}

/** The item leaves the conversation; one that a stored response still holds stays there. */
export function deleteItem(sql: Sql, env: CoreEnv, id: string): Result<SessionInfo, Missing> {
  const session = loadSession(sql, env);
  const row = session
    ? sql.get<{ seq: number; bytes: number; response: string | null }>(
        "SELECT seq, length(sealed) AS bytes, response FROM item WHERE listed = 1 AND id = ?",
        id,
      )
    : undefined;
  if (!session || !row) return err({ reason: "not_found" });
  if (row.response !== null) {
    sql.run("UPDATE item SET listed = 0 WHERE seq = ?", row.seq);
    return saveSession(sql, session);
  }
  sql.run("DELETE FROM item WHERE seq = ?", row.seq);
  return saveSession(sql, { ...session, items: session.items - 1, bytes: session.bytes - row.bytes });
}

export function destroy(sql: Sql, env: CoreEnv): Result<null, Missing> {
  const session = loadSession(sql, env);
  dropEverything(sql);
  return session ? ok(null) : err({ reason: "not_found" });
}

function sweep(sql: Sql, env: CoreEnv): boolean {
  const due = dueTimers(sql, env.now, SWEEP_MAX);
  for (const { kind, key } of due) {
    if (kind === "session" || kind === ERASED_TIMER) {
      dropEverything(sql);
      return false;
    }
    forgetResponse(sql, key);
    clearTimer(sql, kind, key);
  }
  return due.length === SWEEP_MAX;
}
