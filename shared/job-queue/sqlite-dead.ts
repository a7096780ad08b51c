import { z } from "zod";
import { LIMITS } from "../contracts/limits.ts";
import type { DeadJob, QueueDepth, QueueName } from "../contracts/ports/job-queue.ts";
import { queueKey } from "./names.ts";
import type { SqliteFile } from "./sqlite-file.ts";
import { lineUp, parseReceipt } from "./sqlite-jobs.ts";

type Sql = Pick<SqliteFile, "all" | "change">;

/** Moves the job with its reason in one step; a job that somebody else was given since stays. */
export function buryJob(sql: Sql, nowMs: number, receipt: string, reason: string): void {
  const parsed = parseReceipt(receipt);
  if (!parsed) return;
  forgetOld(sql, nowMs);
  sql.change(
    `INSERT INTO dead (queue, tenant, traceparent, reason, dead_ms, body, sent_ms, deliveries)
     SELECT queue, tenant, traceparent, ?, ?, body, sent_ms, deliveries FROM job WHERE seq = ? AND deliveries = ?`,
    ...[reason, nowMs, parsed.seq, parsed.delivery],
  );
  sql.change("DELETE FROM job WHERE seq = ? AND deliveries = ?", parsed.seq, parsed.delivery);
}

/** A dead letter's id is its place, which no other ever has. */
const placeOf = (id: string): number | null => (/^[0-9]{1,15}$/.test(id) ? Number(id) : null);

export function deadJobs(
  sql: Sql,
  nowMs: number,
  queue: QueueName,
  { after, limit }: { after: string | null; limit: number },
): DeadJob[] {
  const rows = sql.all(
    `SELECT ${LETTER} FROM dead WHERE queue = ? AND place > ? AND dead_ms > ? ORDER BY place LIMIT ?`,
    ...[queueKey(queue), after === null ? 0 : (placeOf(after) ?? 0), nowMs - LIMITS.queueDeadMs, limit],
  );
  return lettersOf(queue, rows);
}

export function deadJob(sql: Sql, nowMs: number, queue: QueueName, id: string): DeadJob | null {
  const rows = sql.all(
    `SELECT ${LETTER} FROM dead WHERE place = ? AND queue = ? AND dead_ms > ?`,
    ...[placeOf(id), queueKey(queue), nowMs - LIMITS.queueDeadMs],
  );
  return lettersOf(queue, rows)[0] ?? null;
}

const LETTER = "place, reason, dead_ms, body, sent_ms, deliveries";
const Letter = z.object({
  ...{ place: z.int(), reason: z.string(), dead_ms: z.int(), body: z.string() },
  ...{ sent_ms: z.int().nullable(), deliveries: z.int().nullable() },
});

const lettersOf = (queue: QueueName, rows: unknown): DeadJob[] =>
  z
    .array(Letter)
    .parse(rows)
    .map(({ place, ...job }) => ({ id: String(place), queue: { ...queue }, ...job }));

/** Back into its queue as a new job, in one step. */
export function redriveJob(sql: Sql, nowMs: number, queue: QueueName, id: string, body?: string): boolean {
  const key = queueKey(queue);
  const rows = sql.all(
    `INSERT INTO job (queue, tenant, traceparent, sent_ms, body)
     SELECT queue, tenant, traceparent, ?, coalesce(?, body) FROM dead WHERE place = ? AND queue = ? AND dead_ms > ?
     RETURNING tenant`,
    ...[nowMs, body ?? null, placeOf(id), key, nowMs - LIMITS.queueDeadMs],
  );
  const job = z.array(z.object({ tenant: z.string() })).parse(rows)[0];
  if (!job) return false;
  lineUp(sql, key, job.tenant);
  return purgeJob(sql, nowMs, queue, id);
}

export function purgeJob(sql: Sql, nowMs: number, queue: QueueName, id: string): boolean {
  const oldest = nowMs - LIMITS.queueDeadMs;
  return (
    sql.change("DELETE FROM dead WHERE place = ? AND queue = ? AND dead_ms > ?", placeOf(id), queueKey(queue), oldest) >
    0
  );
}

const Depth = z.object({
  ready: z.int(),
  lapsed: z.int(),
  hidden: z.int(),
  dead: z.int(),
  oldest_ready: z.int().nullable(),
  oldest_lapsed: z.int().nullable(),
});

export function depthOf(sql: Sql, nowMs: number, queue: QueueName): QueueDepth {
  const rows = sql.all(
    `SELECT
       (SELECT COUNT(*) FROM job WHERE queue = :queue AND hidden_until_ms IS NULL) AS ready,
       (SELECT MIN(sent_ms) FROM job WHERE queue = :queue AND hidden_until_ms IS NULL) AS oldest_ready,
       (SELECT COUNT(*) FROM job WHERE queue = :queue AND hidden_until_ms IS NOT NULL AND hidden_until_ms <= :now) AS lapsed,
       (SELECT MIN(sent_ms) FROM job WHERE queue = :queue AND hidden_until_ms IS NOT NULL AND hidden_until_ms <= :now)
         AS oldest_lapsed,
       (SELECT COUNT(*) FROM job WHERE queue = :queue AND hidden_until_ms IS NOT NULL AND hidden_until_ms > :now) AS hidden,
       (SELECT COUNT(*) FROM dead WHERE queue = :queue AND dead_ms > :kept) AS dead`
      .replaceAll(":queue", "?1")
      .replaceAll(":now", "?2")
      .replaceAll(":kept", "?3"),
    ...[queueKey(queue), nowMs, nowMs - LIMITS.queueDeadMs],
  );
  const counts = Depth.parse(rows[0]);
  const sent = [counts.oldest_ready, counts.oldest_lapsed].filter((at) => at !== null);
  return {
    ready: counts.ready + counts.lapsed,
    in_flight: counts.hidden,
    dead: counts.dead,
    oldest_ms: sent.length === 0 ? null : Math.max(0, nowMs - Math.min(...sent)),
  };
}

function forgetOld(sql: Sql, nowMs: number): void {
  sql.change(
    `DELETE FROM dead WHERE place IN (SELECT place FROM dead WHERE dead_ms <= ? ORDER BY dead_ms LIMIT ${LIMITS.queueSweepJobs})`,
    nowMs - LIMITS.queueDeadMs,
  );
}
