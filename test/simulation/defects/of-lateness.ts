import { type Defect, one, slowly } from "./defect.ts";

/** Whatever is due is done, and late. */
export const OF_LATENESS: readonly Defect[] = [
  slowly(
    one(
      "late-acknowledgement",
      "A send whose acknowledgement comes late puts off the one that is due meanwhile.",
      "durable/task/detached.ts",
      ['if (row?.phase === "queued" && row.fence === fence)', 'if (row?.phase === "queued" && fence <= row.fence)'],
    ),
  ),
  one(
    "given-back-counts-as-sent",
    "A task that was given back waits for its worker as long as one that was just sent.",
    "durable/task/detached.ts",
    ["row.job === null ? atMs : atMs + returnMs", "row.job === null ? atMs : atMs + LIMITS.jobResendMs"],
  ),
  one(
    "lease-outlived",
    "The lease of a dead runner is looked at minutes after it is over.",
    "durable/task/detached.ts",
    ["due_ms: next.lease_until_ms });", "due_ms: next.lease_until_ms + LIMITS.jobResendMs });"],
  ),
  one(
    "lost-run-at-deadline",
    "A run whose runner died is taken over at its deadline alone.",
    "durable/task/detached.ts",
    ["row.job === null ? atMs : atMs + returnMs", "row.job === null ? row.deadline_ms : atMs + returnMs"],
  ),
  one(
    "callback-try-late",
    "A try of a callback that was lost is made again a quarter of an hour later.",
    "durable/task/callback.ts",
    ["due_ms: env.now + LIMITS.callbackTryMsMax });", "due_ms: env.now + 15 * LIMITS.callbackTryMsMax });"],
  ),
  one(
    "approved-run-late",
    "An approved run whose runner died is taken over ten minutes behind its lease.",
    "durable/task/run.ts",
    [
      'setTimer(sql, { kind: "run", key: "", due_ms: until });',
      'setTimer(sql, { kind: "run", key: "", due_ms: until + LIMITS.deadlineMsDefault });',
    ],
  ),
  one("batch-left-late", "A batch whose driver died stands still for ten minutes.", "durable/batch/turn.ts", [
    "due_ms: env.now + lifeMs });",
    "due_ms: env.now + 20 * lifeMs });",
  ]),
  one(
    "unknown-outcome-late",
    "A task of unknown outcome keeps its hold for minutes behind its grace.",
    "durable/tenant/core/due.ts",
    ["task_ms ?? Infinity, window_ms", "(task_ms ?? Infinity) + LIMITS.recordEndMsMax, window_ms"],
  ),
  one(
    "open-change-late",
    "A change of unknown outcome is closed minutes behind its bound.",
    "durable/tenant/core/due.ts",
    ["begun_ms ?? Infinity)", "(begun_ms ?? Infinity) + LIMITS.recordEndMsMax)"],
  ),
  one(
    "events-after-outage",
    "Events whose delivery failed wait ten times as long as they may.",
    "durable/tenant/core/feed.ts",
    ['feed_retry_ms = ?", nowMs + waitMs);', 'feed_retry_ms = ?", nowMs + 10 * LIMITS.outboxRetryMsMax + waitMs);'],
  ),
  one(
    "few-entries-wait",
    "Few entries wait minutes for company before they are published.",
    "durable/runtime/log/due.ts",
    ["LIMITS.logManyDelayMs : LIMITS.logFewDelayMs)", "LIMITS.logManyDelayMs : 5 * LIMITS.logFewDelayMs)"],
  ),
  one(
    "publication-after-outage",
    "A publication that failed is tried again ten minutes later.",
    "durable/runtime/log/turn.ts",
    ['retry_ms = ?", nowMs + waitMs);', 'retry_ms = ?", nowMs + 10 * LIMITS.outboxRetryMsMax + waitMs);'],
  ),
];
