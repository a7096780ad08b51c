import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { SubjectKey, SubjectKeyWanted } from "../../../shared/contracts/ports/content-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { WRAPPED_KEY } from "../../../shared/crypto/wrap-key.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { readGate } from "./access.ts";
import { checkKept, keepListed } from "./kept-sessions.ts";

/**
 * One row a subject that content is kept for. `subject` is a digest: whoever reads the rows learns no name. A table with
 * row ids, so that overwriting a key with as many zeros happens in its place.
 */
export const SUBJECT_KEY_SCHEMA: readonly string[] = [
  `CREATE TABLE subject_key (
    id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL UNIQUE, wrapped BLOB NOT NULL, created_ms INTEGER NOT NULL,
    conversations INTEGER NOT NULL
  )`,
];

const SHA256_HEX = /^[0-9a-f]{64}$/;
const ID = /^[0-9A-Za-z]{26}$/;

/** What the edge must never send: a bug there, not an outcome. */
export function checkWanted(wanted: SubjectKeyWanted | undefined): void {
  if (wanted === undefined) return;
  const { subject, proposal, kept } = wanted;
  checkKept(kept);
  if (!SHA256_HEX.test(subject)) throw new RangeError("a subject is named by its digest");
  if (!ID.test(proposal.id) || proposal.wrapped.byteLength !== WRAPPED_KEY.bytes)
    throw new RangeError("not a wrapped key of a subject");
}

/**
 * Counts so many more conversations under the subject's key, lists the session, and makes the proposal that key if there
 * is none.
 */
export function conversationKey(
  sql: Sql,
  nowMs: number,
  { subject, proposal, kept }: SubjectKeyWanted,
  begun: 0 | 1,
): SubjectKey {
  keepListed(sql, nowMs, kept);
  const counted = "UPDATE subject_key SET conversations = conversations + ?, listed = listed + ? WHERE subject = ?";
  if (sql.change(counted, begun, begun, subject) === 0)
    sql.run(
      "INSERT INTO subject_key (id, subject, wrapped, created_ms, conversations, listed) VALUES (?, ?, ?, ?, 1, 1)",
      proposal.id,
      subject,
      proposal.wrapped,
      nowMs,
    );
  const row = sql.get<{ id: string; wrapped: Uint8Array }>(
    "SELECT id, wrapped FROM subject_key WHERE subject = ?",
    subject,
  );
  if (!row) throw new Error("a key that was just written is missing");
  return { id: row.id, wrapped: row.wrapped };
}

/** See `ContentStore`. A tenant whose ledger is halted keeps nothing new. */
export function beginContent(
  sql: Sql,
  env: CoreEnv,
  wanted: SubjectKeyWanted,
): Result<SubjectKey, { reason: "erased" } | { reason: "ledger_halted"; retry_after_ms: number }> {
  checkWanted(wanted);
  if (readGate(sql, null).halted) return err({ reason: "ledger_halted", retry_after_ms: LIMITS.logRecheckMs });
  return sql.transaction((): Result<SubjectKey, { reason: "erased" }> => {
    const task = wanted.task && sql.get<{ seq: number }>("SELECT seq FROM task WHERE id = ?", wanted.task);
    if (task && erasedBehind(sql, wanted.subject, task.seq)) return err({ reason: "erased" });
    return ok(conversationKey(sql, env.now, wanted, 1));
  });
}

/** Whether the subject was erased behind this entry of the ledger: what was asked for before is kept under no newer key. */
export const erasedBehind = (sql: Sql, subject: string, seq: number): boolean =>
  sql.get("SELECT 1 AS found FROM erasure WHERE object = ? AND scope = 'subject' AND seq > ? LIMIT 1", subject, seq) !==
  undefined;

export function subjectKey(sql: Sql, id: string): Result<SubjectKey, { reason: "not_found" }> {
  const row = sql.get<{ wrapped: Uint8Array }>("SELECT wrapped FROM subject_key WHERE id = ?", id);
  return row ? ok({ id, wrapped: row.wrapped }) : err({ reason: "not_found" });
}

/** The subject's key as it was destroyed, or null if there was none. Part of the running transaction. */
export function destroySubjectKey(sql: Sql, subject: string): { wrapped: Uint8Array; conversations: number } | null {
  const row = sql.get<{ wrapped: Uint8Array; conversations: number }>(
    "SELECT wrapped, conversations FROM subject_key WHERE subject = ?",
    subject,
  );
  if (!row) return null;
  // As many zeros in its place, before the row goes: what is only deleted may stay readable in its page.
  sql.run("UPDATE subject_key SET wrapped = zeroblob(length(wrapped)) WHERE subject = ?", subject);
  sql.run("DELETE FROM subject_key WHERE subject = ?", subject);
  sql.erased();
  return row;
}
