import type { UnixMs } from "../../shared/contracts/ids.ts";
import type {
  Erased,
  SessionInfo,
  SessionItem,
  SessionKey,
  StoredResponse,
} from "../../shared/contracts/ports/session-store.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import { chunkBytes, joinBytes } from "../runtime/byte-chunks.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import { clearTimer, setTimer } from "../runtime/timers.ts";
import { eraseAll, erasedOf } from "./erase.ts";
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

export interface PutResponse {
  expires_ms: UnixMs;
  conversation: boolean;
  expected_version: number | null;
}

/** `not_found` also when the response's parent never was in this session. The same id twice keeps the first. */
export function putResponse(
  sql: Sql,
  env: CoreEnv,
  response: StoredResponse,
  options: PutResponse,
): Result<SessionInfo, Missing | Conflict | Full> {
  return sql.transaction((): Result<SessionInfo, Missing | Conflict | Full> => {
    const found = sessionAt(sql, env, null);
    if (!found.ok) return found;
    // Before the version: a repeat of a call that succeeded is a success, although it moved the version itself.
    if (rowOf(sql, response.id)) return ok(infoOf(found.value));
    const current = sessionAt(sql, env, options.expected_version);
    if (!current.ok) return current;
    if (response.parent !== null && !rowOf(sql, response.parent)) return err({ reason: "not_found" });
    if (!itemsFit(response.input) || !itemsFit(response.output)) return err({ reason: "limit" });

    const bytes = response.sealed.byteLength;
    sql.run("INSERT INTO response (id, parent, gone, bytes) VALUES (?, ?, 0, ?)", response.id, response.parent, bytes);
    const place = { listed: options.conversation, response: response.id };
    const input = insertItems(sql, response.input, { ...place, role: "input" });
    const output = insertItems(sql, response.output, { ...place, role: "output" });
    const expires_ms = boundedExpiry(env, options.expires_ms);
    const session = {
      ...current.value,
      // A session lives at least as long as what is kept in it.
      expires_ms: Math.max(current.value.expires_ms, expires_ms) as UnixMs, // safe because: both are UnixMs
      items: current.value.items + 1 + input.items + output.items,
      bytes: current.value.bytes + bytes + input.bytes + output.bytes,
    };
    if (!fits(session)) return err({ reason: "limit" });
    chunkBytes(response.sealed).forEach((chunk, at) => {
      sql.run("INSERT INTO response_chunk (response, at, sealed) VALUES (?, ?, ?)", response.id, at, chunk);
    });
    setTimer(sql, { kind: "response", key: response.id, due_ms: expires_ms });
    return saveSession(sql, session);
  });
}

/** The chain is what the stored ancestors and the response itself hold, oldest first; deleted ones add nothing to it. */
export function response(
  sql: Sql,
  env: CoreEnv,
  id: string,
): Result<{ response: StoredResponse; chain: SessionItem[]; key: SessionKey }, Missing> {
  const session = loadSession(sql, env);
  const row = session ? rowOf(sql, id) : undefined;
  if (!session || !row || row.gone === 1 || expired(sql, env, id)) return err({ reason: "not_found" });
  const chunks = sql.all<{ sealed: Uint8Array }>(
    "SELECT sealed FROM response_chunk WHERE response = ? ORDER BY at",
    id,
  );
  const lineage: string[] = [];
  for (let at: string | null = id; at !== null; at = rowOf(sql, at)?.parent ?? null) lineage.push(at);
  return ok({
    key: session.key,
    response: {
      id,
      parent: row.parent,
      sealed: joinBytes(
        chunks.map(({ sealed }) => sealed),
        row.bytes,
      ),
      input: itemsOf(sql, id, "input"),
      output: itemsOf(sql, id, "output"),
    },
    chain: lineage
      .reverse()
      .filter((ancestor) => !expired(sql, env, ancestor))
      .flatMap((ancestor) => [...itemsOf(sql, ancestor, "input"), ...itemsOf(sql, ancestor, "output")]),
  });
}

/** See `SessionStore`: one that was erased before answers the same while its row, or what the session left, remembers it. */
export function deleteResponse(sql: Sql, env: CoreEnv, id: string): Result<Erased, Missing> {
  return sql.transaction((): Result<Erased, Missing> => {
    const before = erasedOf(sql);
    if (before) return before.object === id ? ok(before.erased) : err({ reason: "not_found" });
    const session = loadSession(sql, env);
    const row = session ? rowOf(sql, id) : undefined;
    if (!session || !row) return err({ reason: "not_found" });
    if (row.erased_ms !== null) {
      // safe because: the shell's clock gave it
      return ok({ at_ms: row.erased_ms as UnixMs, key: null, items: row.erased_items, bytes: row.erased_bytes });
    }
    if (row.gone === 1 || expired(sql, env, id)) return err({ reason: "not_found" });
    if (!session.conversation && !othersHold(sql, env, id)) return ok(eraseAll(sql, env, session, id));
    const went = forgetResponse(sql, id);
    clearTimer(sql, "response", id);
    sql.run(
      "UPDATE response SET erased_ms = ?, erased_items = ?, erased_bytes = ? WHERE id = ?",
      env.now,
      went.items,
      went.bytes,
      id,
    );
    sql.erased();
    return ok({ at_ms: env.now as UnixMs, key: null, ...went }); // safe because: the shell's clock gave it
  });
}

/** Whether anything but this response is still kept in the session. */
const othersHold = (sql: Sql, env: CoreEnv, id: string): boolean =>
  sql.get("SELECT 1 AS found FROM item WHERE listed = 1 LIMIT 1") !== undefined ||
  sql
    .all<{ id: string }>("SELECT id FROM response WHERE gone = 0 AND id <> ?", id)
    .some((other) => !expired(sql, env, other.id));

/** Removes a response's content. Items that stand in the conversation stay there, now without a response. */
export function forgetResponse(sql: Sql, id: string): { items: number; bytes: number } {
  const held = sql.get<{ items: number; bytes: number }>(
    "SELECT count(*) AS items, coalesce(sum(length(sealed)), 0) AS bytes FROM item WHERE response = ? AND listed = 0",
    id,
  );
  const row = rowOf(sql, id);
  if (!row || row.gone === 1 || !held) return { items: 0, bytes: 0 };
  sql.run("DELETE FROM response_chunk WHERE response = ?", id);
  sql.run("DELETE FROM item WHERE response = ? AND listed = 0", id);
  sql.run("UPDATE item SET response = NULL, role = NULL WHERE response = ?", id);
  sql.run("UPDATE response SET gone = 1, bytes = 0 WHERE id = ?", id);
  // The row that stays counts as an item still, so that chains cannot grow without bound.
  sql.run(
    "UPDATE session SET version = version + 1, items = items - ?, bytes = bytes - ?",
    held.items,
    held.bytes + row.bytes,
  );
  return { items: held.items + 1, bytes: held.bytes + row.bytes };
}

const rowOf = (sql: Sql, id: string) =>
  sql.get<{
    parent: string | null;
    gone: number;
    bytes: number;
    erased_ms: number | null;
    erased_items: number;
    erased_bytes: number;
  }>("SELECT parent, gone, bytes, erased_ms, erased_items, erased_bytes FROM response WHERE id = ?", id);

const expired = (sql: Sql, env: CoreEnv, id: string): boolean =>
  sql.get("SELECT 1 AS found FROM _timers WHERE kind = 'response' AND key = ? AND due_ms <= ?", id, env.now) !==
  undefined;

const itemsOf = (sql: Sql, response: string, role: "input" | "output"): SessionItem[] =>
  sql
    .all<{ id: string; type: string; sealed: Uint8Array }>(
      "SELECT id, type, sealed FROM item WHERE response = ? AND role = ? ORDER BY seq",
      response,
      role,
    )
    .map(({ id, type, sealed }) => ({ id, type, sealed }));
