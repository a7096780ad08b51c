import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { DetachedTask, LogHead } from "../../shared/contracts/ports/task-log.ts";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";
import * as core from "./detached.ts";
import { appendLog } from "./log.ts";
import { TASK_MIGRATIONS } from "./migrations.ts";

export const LIFE_MS = 10_000;
export const FIRST = { life_ms: LIFE_MS, held: false };
export const GIVEN_UP = { retry_ms: 0, attempted: true };
export const HEAD: LogHead = { status: 200, content_type: "text/event-stream", stream: true, headers: {} };
const at = (ms: number) => ms as UnixMs; // safe because: a test's own milliseconds
export const JOB = { queue: { pool: "p", class: "interactive" as const }, body: "{}", tenant: "t", traceparent: "" };

/** An object of which nobody has heard anything yet. */
export function openEmpty() {
  const sql = openMemorySql();
  const env: CoreEnv = { now: 1_000_000, mint: () => "0".repeat(26) };
  migrate(sql, TASK_MIGRATIONS);
  return { sql, env };
}

/** What is to be sent now. */
export function due(sql: Sql, env: CoreEnv): core.DueJob {
  const found = core.dueJob(sql, env);
  if (!found) throw new Error("nothing is due");
  return found;
}

/** An object with a task that nobody has taken up. */
export function open(over: Partial<DetachedTask> = {}) {
  const { sql, env } = openEmpty();
  const task: DetachedTask = {
    sealed: new Uint8Array([1, 2, 3]),
    job: JOB,
    deadline: at(env.now + 60_000),
    expires_ms: at(env.now + 600_000),
    callback: null,
    session: null,
    ...over,
  };
  core.detach(sql, env, task);
  const lease = () => {
    const leased = core.leaseTask(sql, env, FIRST);
    if (!leased.ok) throw new Error(leased.error.reason);
    return leased.value;
  };
  const frame = (fence: number, from: number) =>
    appendLog(sql, fence, { from, frames: 1, sealed: new Uint8Array([from]) });
  return { sql, env, task, lease, frame };
}
