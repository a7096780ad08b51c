import { LIMITS } from "../../../shared/contracts/limits.ts";
import { nextLogDue } from "../../runtime/log/due.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { abandonDue } from "./abandon.ts";
import { expireApprovals } from "./approvals.ts";
import { closeBegun } from "./begun.ts";
import { closeWindows } from "./coalesce.ts";
import { headOf } from "./ledger.ts";
import { isFrozen } from "./move-state.ts";
import { upkeep } from "./upkeep.ts";

/** Tasks, changes or windows that one sweep closes: a few milliseconds of work. */
const SWEEP_MAX = 64;

type Due = {
  upkeep_ms: number;
  task_ms: number | null;
  window_ms: number | null;
  approval_ms: number | null;
  begun_ms: number | null;
  entry_ms: number | null;
  retry_ms: number;
};

const NEXT = `SELECT t.upkeep_ms, t.feed_retry_ms AS retry_ms,
    (SELECT due_ms FROM task WHERE state = 0 ORDER BY due_ms LIMIT 1) AS task_ms,
    (SELECT close_ms FROM coalesced ORDER BY close_ms LIMIT 1) AS window_ms,
    (SELECT expires_ms FROM approval WHERE state = 'pending' ORDER BY expires_ms LIMIT 1) AS approval_ms,
    (SELECT due_ms FROM begun ORDER BY due_ms LIMIT 1) AS begun_ms,
    l.at_ms AS entry_ms
  FROM tenant t LEFT JOIN ledger l ON l.seq = t.feed_seq`;

/**
 * Unix milliseconds of the earliest due work; index look-ups only. `feeds`: whether events are delivered from here;
 * `publishes`: whether the ledger is; no event is due before `feedsAfter`.
 */
export function nextDue(sql: Sql, feeds: boolean, publishes = false, feedsAfter = 0): number | null {
  // What is copied, or lives elsewhere, is nobody's to work on here.
  if (isFrozen(sql)) return null;
  const due = sql.get<Due>(NEXT);
  if (!due) return null;
  const times = [sweepMs(due)];
  if (feeds && due.entry_ms !== null)
    times.push(Math.max(due.entry_ms + LIMITS.outboxDelayMs, due.retry_ms, feedsAfter));
  const logMs = publishes ? nextLogDue(sql, headOf(sql).size) : null;
  if (logMs !== null) times.push(logMs);
  return Math.min(...times);
}

/** When there is something to sweep: what is delivered from here or published waits for neither. */
const sweepMs = ({ upkeep_ms, task_ms, window_ms, approval_ms, begun_ms }: Due): number =>
  Math.min(upkeep_ms, task_ms ?? Infinity, window_ms ?? Infinity, approval_ms ?? Infinity, begun_ms ?? Infinity);

/** What the alarm does, at most so much at once; answers whether more is left. Twice is as good as once. */
export function sweep(sql: Sql, env: CoreEnv): boolean {
  if (isFrozen(sql)) return false;
  // A busy tenant always has something to deliver, and so comes here with every batch of calls.
  const due = sql.get<Due>(NEXT);
  if (!due || sweepMs(due) > env.now) return false;
  const abandoned = abandonDue(sql, env.now, SWEEP_MAX);
  const ended = closeBegun(sql, env.now, SWEEP_MAX);
  const closed = closeWindows(sql, env.now, SWEEP_MAX);
  const expired = expireApprovals(sql, env.now, SWEEP_MAX);
  const kept = upkeep(sql, env.now);
  return [abandoned, ended, closed, expired].includes(SWEEP_MAX) || kept;
}
