import type { Sql } from "../../../durable/runtime/sql.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";

/** Something that has to be otherwise by then. */
export interface Due {
  invariant: string;
  detail: string;
  byMs: number;
  /** When it was done, where that changes nothing of the object's own; null: it was not. */
  doneMs?: () => number | null;
  /** The object needs nobody for it but the queue, which takes this message late or early. Absent: judged in peace alone. */
  alone?: string;
  /** Behind a try that was lost together with whoever made it, the next one comes after so long. */
  againMs?: number;
}

/** Since when a part of the object has been seen as it is. */
export type Since = (part: string, text: string) => number;

export interface TaskSurroundings {
  since: Since;
  /** When a message reached the queue. */
  sentMs: (body: string) => readonly number[];
  /** When somebody went about telling of its end. */
  toldMs: () => readonly number[];
  /** How much later than at once a task may be taken up that was given back. */
  givenBackMs: number;
}

type Detached = {
  phase: "queued" | "running" | "done";
  fence: number;
  attempts: number;
  lease_until_ms: number;
  cancel: number;
  deadline_ms: number;
  job: string | null;
  frames: number;
};

export function dueOfTask(sql: Sql, around: TaskSurroundings): Due[] {
  const due = dueOfRun(sql, around);
  const row = sql.get<Detached>(
    "SELECT phase, fence, attempts, lease_until_ms, cancel, deadline_ms, job, frames FROM detached",
  );
  if (row === undefined) return due;
  const { since, sentMs, givenBackMs } = around;
  const { phase, fence, attempts, frames, cancel } = row;
  const phaseMs = since("phase", `${phase} ${fence} ${cancel}`);
  const leaseMs = since("lease", `${fence} ${row.lease_until_ms}`);
  const detail = `${phase} under fence ${fence}, begun ${attempts} times`;
  // safe because: `detach` wrote it
  const message = row.job === null ? "" : (JSON.parse(row.job) as { body: string }).body;
  if (phase === "running")
    // A lease that nobody renewed for `runLeaseMs` is over, and its task is given back.
    due.push({
      invariant: "a lease that nobody renews is over",
      detail,
      byMs: leaseMs + LIMITS.runLeaseMs,
      alone: message,
    });
  if (phase === "queued") {
    // Its worker may return with what was delivered.
    const dueMs = phaseMs + givenBackMs + (frames > 0 ? LIMITS.workerReturnMs : 0);
    const ends = cancel === 1 || attempts >= LIMITS.detachedAttemptsMax;
    if (row.job === null || ends)
      // What goes on here, or is only to be ended, is leased again within the same.
      due.push({ invariant: "a run that nobody has is taken over at once", detail, byMs: dueMs });
    // What a worker does is in the queue again at once, or behind `workerReturnMs` where something was delivered.
    else
      due.push({
        ...{ invariant: "a task that nobody has is sent for at once", detail, alone: message, byMs: dueMs },
        doneMs: () => sentMs(message).find((ms) => ms >= phaseMs) ?? null,
      });
  }
  if (phase === "done") due.push(...dueOfCallback(sql, phaseMs, around.toldMs));
  return due;
}

/** What was approved is begun within `approvalRunRetryMs`, and taken over once its runner had the longest call's time and grace. */
function dueOfRun(sql: Sql, { since, givenBackMs }: TaskSurroundings): Due[] {
  const run = sql.get<{ state: string; fence: number; lease_until_ms: number }>(
    "SELECT state, fence, lease_until_ms FROM run WHERE state IN ('due', 'leased')",
  );
  if (run === undefined) return [];
  const stateMs = since("run", `${run.state} ${run.fence}`);
  const detail = `${run.state} under fence ${run.fence}`;
  const leased = LIMITS.deadlineMsDefault + LIMITS.abandonGraceMs;
  const waits = Math.max(LIMITS.approvalRunRetryMs, givenBackMs);
  return [
    {
      ...{ invariant: "an approved run that nobody has is taken over", detail },
      byMs: stateMs + (run.state === "due" ? waits : leased),
    },
  ];
}

/**
 * Whoever waits for a callback is told at once, and again behind each try's end: within `callbackPostponeMs`, or the doubled
 * wait where that is longer.
 */
function dueOfCallback(sql: Sql, doneMs: number, told: () => readonly number[]): Due[] {
  const row = sql.get<{ attempts: number }>("SELECT attempts FROM callback WHERE state = 'waiting'");
  if (row === undefined) return [];
  const invariant = "a callback is tried again in time";
  const againMs = LIMITS.callbackTryMsMax;
  const detail = `tried ${row.attempts} times`;
  const lastMs = told().at(-1) ?? 0;
  const next = { invariant, againMs, detail, doneMs: () => told().find((ms) => ms > Math.max(lastMs, doneMs)) ?? null };
  if (lastMs < doneMs) return [{ ...next, byMs: doneMs }];
  const doubledMs = Math.min(LIMITS.callbackWaitMsMin * 2 ** Math.max(row.attempts - 1, 0), LIMITS.callbackWaitMsMax);
  const waitMs = Math.max(LIMITS.callbackPostponeMs, LIMITS.elsewhereRetryMs, doubledMs);
  return [{ ...next, byMs: lastMs + LIMITS.callbackTryMsMax / 2 + waitMs }];
}

/** A batch goes on within `batchRetryMsMax` of when its driver last wrote, or its lease of `batchLeaseMs` ended. */
export function dueOfBatches(sql: Sql, since: Since): Due[] {
  return sql
    .all<{ id: string; fence: number; lease_until_ms: number }>(
      "SELECT id, fence, lease_until_ms FROM batch WHERE status IN ('validating','in_progress','finalizing','cancelling')",
    )
    .map(({ id, fence, lease_until_ms }) => ({
      invariant: "a batch that nobody drives is taken over",
      detail: `${id} under fence ${fence}`,
      againMs: LIMITS.batchRetryMsMax,
      byMs: since(id, `${fence} ${lease_until_ms}`) + LIMITS.batchLeaseMs + LIMITS.batchRetryMsMax,
    }));
}

export function dueOfTenant(sql: Sql, publishes: boolean): Due[] {
  const due: Due[] = [];
  const late = (invariant: string, detail: string, byMs: number) => due.push({ invariant, detail, byMs });
  const open = sql.get<{ id: string; admitted_ms: number; due_ms: number }>(
    "SELECT id, admitted_ms, due_ms FROM task WHERE state = 0 ORDER BY due_ms LIMIT 1",
  );
  if (open !== undefined) {
    // Its hold is its charge once its deadline and `abandonGraceMs` are over.
    const longest = open.admitted_ms + LIMITS.deadlineMsMax + LIMITS.abandonGraceMs;
    late("a task of unknown outcome is closed in time", open.id, Math.min(open.due_ms, longest));
  }
  const begun = sql.get<{ seq: number; at_ms: number }>(
    "SELECT b.seq AS seq, l.at_ms AS at_ms FROM begun b JOIN ledger l ON l.seq = b.seq ORDER BY b.seq LIMIT 1",
  );
  // A change that began has an end within `recordEndMsMax`.
  if (begun !== undefined)
    late("a change of unknown outcome is closed in time", `entry ${begun.seq}`, begun.at_ms + LIMITS.recordEndMsMax);
  const event = sql.get<{ seq: number; at_ms: number }>(
    "SELECT l.seq AS seq, l.at_ms AS at_ms FROM tenant t JOIN ledger l ON l.seq = t.feed_seq",
  );
  // An event is delivered within `outboxDelayMs`.
  if (event !== undefined)
    late("events reach the read models in time", `entry ${event.seq}`, event.at_ms + LIMITS.outboxDelayMs);
  if (publishes) due.push(...dueOfLog(sql));
  return due;
}

/** An entry is published within `logFewDelayMs`; within `logManyDelayMs` where more than `logFewEntriesMax` wait. */
function dueOfLog(sql: Sql): Due[] {
  const at = (ahead: number) =>
    sql.get<{ seq: number; at_ms: number }>(
      "SELECT l.seq AS seq, l.at_ms AS at_ms FROM log_checkpoint c JOIN ledger l ON l.seq = c.size + ?",
      ahead,
    );
  const first = at(0);
  if (first === undefined) return [];
  const many = at(LIMITS.logFewEntriesMax);
  const manyMs = many === undefined ? Infinity : Math.max(first.at_ms + LIMITS.logManyDelayMs, many.at_ms);
  const byMs = Math.min(first.at_ms + LIMITS.logFewDelayMs, manyMs) + LIMITS.logTurnMs;
  return [{ invariant: "entries are published in time", detail: `entry ${first.seq}`, byMs }];
}
