import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Attribution, LedgerEntry } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ok } from "../../../shared/contracts/result.ts";
import type { Sql } from "../../runtime/sql.ts";
import { type LedgerWriter, ledgerWriter, readEntry } from "./ledger.ts";
import { isFrozen } from "./move-state.ts";

/** Something that a caller can cause as often as it likes, so the ledger counts its repeats. */
export interface Repeatable {
  kind: "call.refused" | "authentication.failed" | "data.read";
  outcome: LedgerEntry["outcome"];
  action: string;
  reason: string;
  task: string | null;
  by: Attribution;
  detail: JsonObject;
}

type Window = { first_seq: number; repeats: number };
type Due = Window & { kind: string; credential: string; subject: string; action: string; reason: string };

/** Longest reason that names a window; the ledger is no place for free text. */
const REASON_CHARS_MAX = 128;

const SAME = "kind = ? AND credential = ? AND subject = ? AND action = ? AND reason = ?";
const REPEAT = `UPDATE coalesced SET repeats = repeats + 1 WHERE ${SAME} AND close_ms > ?`;

/**
 * One entry when a window opens, one with the count of repeats when it closes (the next one after 10 s, or the alarm):
 * the ledger stays append-only and no repeat goes uncounted. A transaction of its own, after whatever was rolled back.
 */
export function noteRepeatable(sql: Sql, nowMs: number, what: Repeatable): void {
  // Its log goes on in another cell, or may: nothing is written to it here.
  if (isFrozen(sql)) return;
  const reason = what.reason.slice(0, REASON_CHARS_MAX);
  const same = [what.kind, what.by.credential, what.by.subject, what.action, reason] as const;
  if (sql.change(REPEAT, ...same, nowMs) > 0) return;
  sql.transaction(() => {
    const ledger = ledgerWriter(sql, nowMs);
    const over = sql.get<Window>(`SELECT first_seq, repeats FROM coalesced WHERE ${SAME}`, ...same);
    if (over) appendCount(sql, ledger, over);
    const { kind, outcome, action, task, by } = what;
    const seq = ledger.append({ kind, outcome, action, task, by, detail: { ...what.detail, reason } });
    sql.run(
      `INSERT INTO coalesced (kind, credential, subject, action, reason, first_seq, close_ms, repeats)
       VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT DO UPDATE SET
       first_seq = excluded.first_seq, close_ms = excluded.close_ms, repeats = 0`,
      ...same,
      seq,
      nowMs + LIMITS.refusalCoalesceMs,
    );
    return ok(null);
  });
}

/** Closes windows that are over, at most `max`; answers how many. */
export function closeWindows(sql: Sql, nowMs: number, max: number): number {
  const due = sql.all<Due>(
    `SELECT kind, credential, subject, action, reason, first_seq, repeats FROM coalesced
     WHERE close_ms <= ? ORDER BY close_ms LIMIT ?`,
    nowMs,
    max,
  );
  if (due.length === 0) return 0;
  sql.transaction(() => {
    const ledger = ledgerWriter(sql, nowMs);
    for (const window of due) {
      appendCount(sql, ledger, window);
      const { kind, credential, subject, action, reason } = window;
      sql.run(`DELETE FROM coalesced WHERE ${SAME}`, kind, credential, subject, action, reason);
    }
    return ok(null);
  });
  return due.length;
}

/** A window without repeats needs no second entry. */
function appendCount(sql: Sql, ledger: LedgerWriter, { first_seq, repeats }: Window): void {
  if (repeats === 0) return;
  const first = readEntry(sql, first_seq);
  const { kind, outcome, action, detail } = first;
  const reason = detail.reason ?? null;
  ledger.append({ kind, outcome, action, task: null, by: first, detail: { first: first_seq, reason, repeats } });
}
