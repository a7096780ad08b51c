import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Erased } from "../../shared/contracts/ports/session-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { sha256Hex } from "../../shared/crypto/sha256.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { setTimer } from "../runtime/timers.ts";
import { loadSession, type Missing, type SessionState } from "./state.ts";

/** Ends what an erased session remembers. */
export const ERASED_TIMER = "erased";

/** What this session was before it was erased, and the response whose end that was; null where it was not. */
export function erasedOf(sql: Sql): { object: string | null; erased: Erased } | null {
  const row = sql.get<{ object: string | null; at_ms: number; key: string; items: number; bytes: number }>(
    "SELECT object, at_ms, key, items, bytes FROM erased",
  );
  if (!row) return null;
  const { object, at_ms, ...erased } = row;
  return { object, erased: { ...erased, at_ms: at_ms as UnixMs } }; // safe because: the shell's clock gave it
}

/** See `SessionStore`. */
export function erase(sql: Sql, env: CoreEnv): Result<Erased, Missing> {
  return sql.transaction((): Result<Erased, Missing> => {
    const before = erasedOf(sql);
    // What ended with its last response never was a conversation.
    if (before) return before.object === null ? ok(before.erased) : err({ reason: "not_found" });
    const session = loadSession(sql, env);
    return session ? ok(eraseAll(sql, env, session, null)) : err({ reason: "not_found" });
  });
}

/**
 * The key first, then everything under it; part of the running transaction. The files are overwritten before the call is
 * answered. If we crash after it and before anybody recorded it, a repeat finds what it was.
 */
export function eraseAll(sql: Sql, env: CoreEnv, session: SessionState, object: string | null): Erased {
  const { items, bytes, key } = session;
  const erased = { at_ms: env.now as UnixMs, key: sha256Hex(key.wrapped), items, bytes }; // safe because: the shell's clock gave it
  sql.run("UPDATE session SET wrapped_key = zeroblob(length(wrapped_key))");
  for (const table of ["session", "item", "response", "response_chunk", "_timers"]) sql.run(`DELETE FROM ${table}`);
  sql.run(
    "INSERT INTO erased (one, object, at_ms, key, items, bytes) VALUES (1, ?, ?, ?, ?, ?)",
    object,
    erased.at_ms,
    erased.key,
    items,
    bytes,
  );
  setTimer(sql, { kind: ERASED_TIMER, key: "", due_ms: env.now + LIMITS.erasedSessionMsMax });
  sql.erased();
  return erased;
}
