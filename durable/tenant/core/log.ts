import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { EvidencePending, LogPeriod, LogState, TaskProof } from "../../../shared/contracts/log.ts";
import type { Access, AccessRefusal } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { type Bundles, NO_BUNDLES } from "../../runtime/log/bundles.ts";
import { publicationWaitMs } from "../../runtime/log/due.ts";
import type { LogOwner } from "../../runtime/log/owner.ts";
import { logPeriod } from "../../runtime/log/period.ts";
import { provenEntries } from "../../runtime/log/proof.ts";
import { askPublication, logRow, logState, publishedCheckpoint } from "../../runtime/log/state.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { headOf, ledgerWriter, readEntry } from "./ledger.ts";
import { seqsOfTask } from "./task-entries.ts";

/**
 * Rows that later steps read although their entry is in the archive: what opened a task that is open or whose end is not
 * delivered, what asked for an approval that waits, and what opened a window of repeats.
 */
const NEEDED = `EXISTS (SELECT 1 FROM task t WHERE t.seq = ledger.seq
      AND (t.state = 0 OR t.closed_seq >= (SELECT feed_seq FROM tenant)))
  OR seq IN (SELECT seq FROM approval WHERE state = 'pending')
  OR seq IN (SELECT first_seq FROM coalesced)`;

/** The tenant as the owner of its log. Without a receiver of events all of them wait here, and nothing is pruned. */
export const tenantLog = (feeds: boolean): LogOwner => ({
  size: (sql) => headOf(sql).size,
  passed: (sql) => (feeds ? (sql.get<{ feed_seq: number }>("SELECT feed_seq FROM tenant")?.feed_seq ?? 0) : 0),
  needed: NEEDED,
  append(sql, env, kind, detail) {
    // Nobody calls here: where and by which code is what the newest entry says.
    const { cell, region, release, snapshot } = readEntry(sql, headOf(sql).size - 1);
    const nobody = { request: "", credential: "", acr: null, source: null, decision: null, policy: null };
    const by = { ...nobody, subject: `cell:${cell}`, workspace: "", project: "", environment: "" };
    ledgerWriter(sql, env.now).append({
      kind,
      outcome: kind === "ledger.halted" ? "failure" : "success",
      action: "ledger:publish",
      task: null,
      by: { ...by, cell, region, release, snapshot },
      detail,
    });
  },
});

/** `origin` is that of a log which was never checked. */
export function log(sql: Sql, env: CoreEnv, access: Access, origin: string): Result<LogState, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal ? err(refusal) : ok(logState(sql, headOf(sql).size, origin));
}

/** May throw `InArchive`. */
export function period(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  asked: { from_ms: number; to_ms: number },
  host: { origin: string; publishes: boolean },
  bundles: Bundles = NO_BUNDLES,
): Result<LogPeriod, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal
    ? err(refusal)
    : ok(logPeriod(sql, { ...host, size: headOf(sql).size, now_ms: env.now }, asked, bundles));
}

/** `publishes`: whether this host has an archive. What is not published yet is asked for. May throw `InArchive`. */
export function proof(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  task: string,
  publishes: boolean,
  bundles: Bundles = NO_BUNDLES,
): Result<TaskProof, AccessRefusal | EvidencePending | { reason: "not_found" }> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const seqs = seqsOfTask(sql, task);
  const last = seqs.at(-1);
  if (last === undefined) return err({ reason: "not_found" });
  if (!publishes) return err({ reason: "pending", retry_after_ms: LIMITS.logNoArchiveRetryMs });
  const checkpoint = publishedCheckpoint(sql);
  const { origin } = logRow(sql);
  if (!checkpoint || origin === null || last >= checkpoint.size) {
    askPublication(sql, last + 1);
    return err({ reason: "pending", retry_after_ms: publicationWaitMs(sql, env.now, headOf(sql).size) });
  }
  return ok({ origin, checkpoint, entries: provenEntries(sql, seqs, checkpoint.size, bundles) });
}
