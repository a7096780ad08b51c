import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ErasedObject, Erasure } from "../../../shared/contracts/ports/content-store.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { changing } from "./changing.ts";
import type { LedgerWriter } from "./ledger.ts";
import { destroySubjectKey } from "./subject-keys.ts";

/** Facts of the ledger's `data.erased` entries, so that nobody has to read all of it to find them. */
export const ERASURE_SCHEMA: readonly string[] = [
  `CREATE TABLE erasure (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, scope TEXT NOT NULL, object TEXT NOT NULL, key TEXT,
    conversations INTEGER, by_subject TEXT NOT NULL
  )`,
  "CREATE INDEX erasure_by_object ON erasure (object, at_ms)",
];

type Row = {
  seq: number;
  at_ms: number;
  scope: string;
  object: string;
  key: string | null;
  conversations: number | null;
  by_subject: string;
};
const SELECT = "SELECT seq, at_ms, scope, object, key, conversations, by_subject FROM erasure";
const erasureOf = ({ by_subject, scope, at_ms, ...row }: Row): Erasure => ({
  ...row,
  at_ms: at_ms as UnixMs, // safe because: the shell's clock gave it
  scope: scope as Erasure["scope"], // safe because: only `write` writes rows
  by: by_subject,
});

/** See `ContentStore`. One transaction: the key is gone, edges are stale, and the entry says so, or nothing of it happened. */
export function eraseSubject(sql: Sql, env: CoreEnv, change: Change, subject: string): Result<Erasure, ChangeRefusal> {
  return changing<Erasure, never>(sql, env, change, "data:erase", (ledger) => {
    const destroyed = destroySubjectKey(sql, subject);
    sql.run("UPDATE tenant SET state_version = state_version + 1");
    const erased = {
      scope: "subject",
      object: subject,
      key: destroyed === null ? null : sha256Hex(destroyed.wrapped),
      conversations: destroyed?.conversations ?? 0,
    } as const;
    return ok(write(sql, env, ledger, change, "data:erase", erased, { stores: ["tenant"] }));
  });
}

export function noteErased(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  { scope, object, key, items, bytes }: ErasedObject,
): Result<Erasure & { repeated: boolean }, ChangeRefusal> {
  return changing<Erasure & { repeated: boolean }, never>(sql, env, change, "session:write", (ledger) => {
    const known = sql.get<Row>(`${SELECT} WHERE object = ? AND scope = ?`, object, scope);
    if (known) return ok({ ...erasureOf(known), repeated: true });
    const erased = { scope, object, key, conversations: null };
    const written = write(sql, env, ledger, change, "session:write", erased, { items, bytes, stores: ["session"] });
    return ok({ ...written, repeated: false });
  });
}

function write(
  sql: Sql,
  env: CoreEnv,
  ledger: LedgerWriter,
  { by }: Change,
  action: string,
  { scope, object, key, conversations }: Omit<Erasure, "seq" | "at_ms" | "by">,
  beside: JsonObject,
): Erasure {
  const counts: JsonObject = conversations === null ? {} : { conversations };
  const detail = { scope, object, key, keys: key === null ? 0 : 1, ...counts, ...beside };
  const seq = ledger.append({ kind: "data.erased", outcome: "success", action, task: null, by, detail });
  sql.run(
    "INSERT INTO erasure (seq, at_ms, scope, object, key, conversations, by_subject) VALUES (?, ?, ?, ?, ?, ?, ?)",
    seq,
    env.now,
    scope,
    object,
    key,
    conversations,
    by.subject,
  );
  // safe because: the shell's clock gave it
  return { seq, at_ms: env.now as UnixMs, scope, object, key, conversations, by: by.subject };
}

export function erasures(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  page: { before: number | null; limit: number },
): Result<{ erasures: Erasure[]; more: boolean }, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const limit = Math.max(1, Math.min(page.limit, LIMITS.pageItemsMax));
  const rows = sql.all<Row>(
    `${SELECT} WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
    page.before ?? Number.MAX_SAFE_INTEGER,
    limit + 1,
  );
  return ok({ erasures: rows.slice(0, limit).map(erasureOf), more: rows.length > limit });
}

export function erasedSince(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  subject: string,
  at_ms: UnixMs,
): Result<{ erased: boolean }, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const found = sql.get(
    "SELECT 1 AS found FROM erasure WHERE object = ? AND scope = 'subject' AND at_ms >= ? LIMIT 1",
    subject,
    at_ms,
  );
  return ok({ erased: found !== undefined });
}

/** Old rows, and of sessions those beyond the bound; at most `limit` of each. Answers whether more may be left. */
export function forgetErasures(sql: Sql, nowMs: number, limit: number): boolean {
  const old = sql.change(
    "DELETE FROM erasure WHERE seq IN (SELECT seq FROM erasure WHERE at_ms <= ? ORDER BY seq LIMIT ?)",
    nowMs - LIMITS.erasureRowMsMax,
    limit,
  );
  const beyond = sql.change(
    `DELETE FROM erasure WHERE seq IN (
       SELECT seq FROM erasure WHERE scope <> 'subject' AND seq <= (
         SELECT seq FROM erasure WHERE scope <> 'subject' ORDER BY seq DESC LIMIT 1 OFFSET ?
       ) ORDER BY seq LIMIT ?)`,
    LIMITS.erasureRowsMax,
    limit,
  );
  return old === limit || beyond === limit;
}
