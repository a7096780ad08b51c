import { z } from "zod";
import { DecisionId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { OBLIGATION_IDS, type ObligationOutcome } from "../../../shared/contracts/policy/obligations.ts";
import type {
  Access,
  AccessRefusal,
  KeptDecision,
  RecordedDecision,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import { Known } from "../../runtime/known.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";

/** The last decisions of the tenant, numbered without gaps: a new one is always the last row, which is the cheapest to write. */
export const DECISION_RING_SCHEMA: readonly string[] = [
  "CREATE TABLE decision (n INTEGER PRIMARY KEY, id TEXT NOT NULL, settled TEXT, record TEXT NOT NULL)",
  "CREATE INDEX decision_by_id ON decision (id)",
];

const KEEP = "INSERT INTO decision (n, id, settled, record) VALUES (?, ?, ?, ?)";
/** The number of the next decision. */
const NEXT = new Known<number>("decision");

/** What the edge must never send: a bug there, not an outcome. Throws `RangeError`. */
export function checkDecision(decision: RecordedDecision | undefined): void {
  if (decision && decision.record.length > LIMITS.decisionRecordBytesMax)
    throw new RangeError("a decision's record is longer than the ring keeps");
}

/** Part of the caller's step: one statement, and now and then one more, when the oldest are let go. */
export function keepDecision(sql: Sql, { id, record, obligations }: RecordedDecision): void {
  const n = NEXT.get(sql) ?? sql.get<{ n: number }>("SELECT coalesce(max(n), -1) + 1 AS n FROM decision")?.n ?? 0;
  sql.run(KEEP, n, id, obligations === undefined ? null : settledText(obligations, []), record);
  if (n % LIMITS.decisionsForgottenAtOnce === 0)
    sql.run("DELETE FROM decision WHERE n <= ?", n - LIMITS.decisionsKeptMax);
  NEXT.set(sql, n + 1);
}

/** As `keepDecision`, of one that may be kept already: kept again, it gets the outcomes that are told now. */
export function keepOnce(sql: Sql, kept: RecordedDecision): void {
  if (sql.get("SELECT 1 AS found FROM decision WHERE id = ?", kept.id)) settleDecision(sql, kept.id, kept.obligations);
  else keepDecision(sql, kept);
}

/** A decision of a call that neither admission nor refusal keeps. */
export function keepAlone(sql: Sql, env: CoreEnv, access: Access, kept: RecordedDecision): Result<null, AccessRefusal> {
  checkDecision(kept);
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  return sql.transaction(() => {
    keepOnce(sql, kept);
    return ok(null);
  });
}

/** Nothing is lost to what is told beside it: what would not fit an entry, or the ring, is left out. */
export const boundedOutcomes = (obligations: readonly ObligationOutcome[]): ObligationOutcome[] =>
  obligations
    .slice(0, LIMITS.obligationOutcomesMax)
    .map(({ note, ...outcome }) => ({ ...outcome, note: note?.slice(0, LIMITS.obligationNoteCharsMax) ?? null }));

const settledText = (obligations: readonly ObligationOutcome[] | null, further: readonly RecordedDecision[]): string =>
  JSON.stringify({
    obligations: obligations === null ? null : boundedOutcomes(obligations),
    further: further.map(({ id }) => id),
  });

/** Adds to the decision that admitted a task how it went on; nothing happens to one that the ring has let go. */
export function settleDecision(
  sql: Sql,
  admittedBy: string | null,
  obligations: readonly ObligationOutcome[] | undefined,
  further: readonly RecordedDecision[] = [],
): void {
  if (admittedBy !== null && (obligations !== undefined || further.length > 0))
    sql.run("UPDATE decision SET settled = ? WHERE id = ?", settledText(obligations ?? null, further), admittedBy);
  for (const decision of further) keepDecision(sql, decision);
}

const Settled = z.object({
  obligations: z
    .array(
      z.object({ id: z.enum(OBLIGATION_IDS), outcome: z.enum(["applied", "failed"]), note: z.string().nullable() }),
    )
    .nullable(),
  further: z.array(DecisionId),
});

type Row = { n: number; id: string; settled: string | null; record: string };

function keptOf({ id, settled, record }: Row): KeptDecision {
  const after = settled === null ? { obligations: null, further: [] } : Settled.parse(JSON.parse(settled));
  return { id: DecisionId.parse(id), record, ...after };
}

export function decision(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  id: string,
): Result<KeptDecision, AccessRefusal | { reason: "not_found" }> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const row = sql.get<Row>("SELECT n, id, settled, record FROM decision WHERE id = ? ORDER BY n DESC LIMIT 1", id);
  return row ? ok(keptOf(row)) : err({ reason: "not_found" });
}

/** A page that begins before a decision that is gone is empty: everything older is gone too. */
export function decisions(
  sql: Sql,
  env: CoreEnv,
  access: Access,
  page: { limit: number; before: string | null },
): Result<{ decisions: KeptDecision[]; more: boolean }, AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  if (refusal) return err(refusal);
  const from =
    page.before === null
      ? Number.MAX_SAFE_INTEGER
      : (sql.get<{ n: number }>("SELECT max(n) AS n FROM decision WHERE id = ?", page.before)?.n ?? 0);
  const limit = Math.min(Math.max(1, page.limit), LIMITS.simulationInputsMax);
  const rows = sql.all<Row>(
    "SELECT n, id, settled, record FROM decision WHERE n < ? ORDER BY n DESC LIMIT ?",
    from,
    limit + 1,
  );
  return ok({ decisions: rows.slice(0, limit).map(keptOf), more: rows.length > limit });
}
