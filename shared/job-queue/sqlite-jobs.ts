import { z } from "zod";
import { LIMITS } from "../contracts/limits.ts";
import type { OutgoingJob, QueueName, ReceivedJob } from "../contracts/ports/job-queue.ts";
import { queueKey } from "./names.ts";
import type { SqliteFile } from "./sqlite-file.ts";

type Sql = Pick<SqliteFile, "all" | "change">;

/** Which job and which of its deliveries; null for a receipt of somebody else's making. */
export function parseReceipt(receipt: string): { seq: number; delivery: number } | null {
  const match = /^([0-9]{1,15})\.([0-9]{1,9})$/.exec(receipt);
  return match ? { seq: Number(match[1]), delivery: Number(match[2]) } : null;
}

const Lapse = z.array(z.object({ at: z.int().nullable() }));
const Turn = z.array(z.object({ place: z.int(), tenant: z.string() }));
const Freed = z.array(z.object({ tenant: z.string() }));
const Taken = z.array(
  z.object({
    seq: z.int(),
    body: z.string(),
    traceparent: z.string(),
    sent_ms: z.int(),
    deliveries: z.int(),
  }),
);

/** Whether somebody may have something to receive, and if not, when the next job comes back by itself. */
export function glance(sql: Sql, queue: QueueName): { ready: boolean; lapse_ms: number | null } {
  const key = queueKey(queue);
  const ready = sql.all("SELECT 1 AS one FROM turn WHERE queue = ? LIMIT 1", key).length > 0;
  const lapse = sql.all(
    "SELECT MIN(hidden_until_ms) AS at FROM job WHERE queue = ? AND hidden_until_ms IS NOT NULL",
    key,
  );
  return { ready, lapse_ms: Lapse.parse(lapse)[0]?.at ?? null };
}

export function insertJob(sql: Sql, nowMs: number, job: OutgoingJob): void {
  const key = queueKey(job.queue);
  sql.change(
    "INSERT INTO job (queue, tenant, traceparent, sent_ms, body) VALUES (?, ?, ?, ?, ?)",
    ...[key, job.tenant, job.traceparent, nowMs, job.body],
  );
  lineUp(sql, key, job.tenant);
}

/**
 * The next jobs, one tenant's after the other's: whoever was served goes to the end of the line. A tenant's next job is
 * therefore among the next k, where k counts the tenants with a ready job. Each costs a few look-ups in indexes.
 */
export function takeJobs(
  sql: Sql,
  nowMs: number,
  queue: QueueName,
  { max, visibilityMs }: { max: number; visibilityMs: number },
): ReceivedJob[] {
  const key = queueKey(queue);
  showLapsed(sql, nowMs, key);
  buryExpired(sql, nowMs, key);
  const jobs: ReceivedJob[] = [];
  while (jobs.length < max) {
    const turn = Turn.parse(sql.all("SELECT place, tenant FROM turn WHERE queue = ? ORDER BY place LIMIT 1", key))[0];
    if (!turn) break;
    sql.change("DELETE FROM turn WHERE place = ?", turn.place);
    const taken = sql.all(
      `UPDATE job SET hidden_until_ms = ?, deliveries = deliveries + 1 WHERE seq = (
         SELECT seq FROM job WHERE queue = ? AND tenant = ? AND hidden_until_ms IS NULL ORDER BY seq LIMIT 1
       ) RETURNING seq, body, traceparent, sent_ms, deliveries`,
      ...[nowMs + visibilityMs, key, turn.tenant],
    );
    const job = Taken.parse(taken)[0];
    if (!job) continue;
    const { seq, ...rest } = job;
    jobs.push({ queue: { ...queue }, id: String(seq), receipt: `${seq}.${job.deliveries}`, ...rest });
    const more = sql.all(
      "SELECT 1 AS one FROM job WHERE queue = ? AND tenant = ? AND hidden_until_ms IS NULL LIMIT 1",
      ...[key, turn.tenant],
    );
    if (more.length > 0) lineUp(sql, key, turn.tenant);
  }
  return jobs;
}

/** From now on; false when this delivery has lapsed, was given back, or the job is gone. */
export function hideJob(sql: Sql, nowMs: number, receipt: string, visibilityMs: number): boolean {
  const parsed = parseReceipt(receipt);
  if (!parsed) return false;
  const until = visibilityMs === 0 ? null : nowMs + visibilityMs;
  const held = sql.all(
    `UPDATE job SET hidden_until_ms = ? WHERE seq = ? AND deliveries = ? AND hidden_until_ms > ?
     RETURNING queue AS queue, tenant`,
    ...[until, parsed.seq, parsed.delivery, nowMs],
  );
  const job = z.array(z.object({ queue: z.string(), tenant: z.string() })).parse(held)[0];
  if (job && until === null) lineUp(sql, job.queue, job.tenant);
  return job !== undefined;
}

/** Counts as long as nobody else was given the job since. */
export function removeJob(sql: Sql, receipt: string): void {
  const parsed = parseReceipt(receipt);
  if (parsed) sql.change("DELETE FROM job WHERE seq = ? AND deliveries = ?", parsed.seq, parsed.delivery);
}

/** The end of the line, unless the tenant stands in it. */
export function lineUp(sql: Sql, key: string, tenant: string): void {
  sql.change("INSERT OR IGNORE INTO turn (queue, tenant) VALUES (?, ?)", key, tenant);
}

function showLapsed(sql: Sql, nowMs: number, key: string): void {
  const freed = sql.all(
    `UPDATE job SET hidden_until_ms = NULL WHERE seq IN (
       SELECT seq FROM job WHERE queue = ? AND hidden_until_ms IS NOT NULL AND hidden_until_ms <= ?
       ORDER BY hidden_until_ms LIMIT ${LIMITS.queueSweepJobs}
     ) RETURNING tenant`,
    ...[key, nowMs],
  );
  for (const { tenant } of Freed.parse(freed)) lineUp(sql, key, tenant);
}

/** What nobody did in time is a dead letter too, so that nothing vanishes without a word. */
function buryExpired(sql: Sql, nowMs: number, key: string): void {
  sql.change(
    `INSERT INTO dead (queue, tenant, traceparent, reason, dead_ms, body, sent_ms, deliveries)
     SELECT queue, tenant, traceparent, 'retention ended', ?, body, sent_ms, deliveries FROM job
     WHERE queue = ? AND hidden_until_ms IS NULL AND sent_ms <= ? ORDER BY sent_ms, seq LIMIT ${LIMITS.queueSweepJobs}`,
    ...[nowMs, key, nowMs - LIMITS.queueRetentionMs],
  );
  sql.change(
    `DELETE FROM job WHERE seq IN (SELECT seq FROM job
     WHERE queue = ? AND hidden_until_ms IS NULL AND sent_ms <= ? ORDER BY sent_ms, seq LIMIT ${LIMITS.queueSweepJobs})`,
    ...[key, nowMs - LIMITS.queueRetentionMs],
  );
}
