import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import type { LogHead } from "../../shared/contracts/ports/task-log.ts";
import { migrate } from "../runtime/migrate.ts";
import { openMemorySql } from "../runtime/node-sql.ts";
import type { CoreEnv } from "../runtime/sql.ts";
import { detach, leaseTask } from "./detached.ts";
import { appendLog, closeLog, openLog, readLog } from "./log.ts";
import { TASK_MIGRATIONS } from "./migrations.ts";

const LIFE_MS = 10_000;
const HEAD: LogHead = { status: 200, content_type: "text/event-stream", stream: true, headers: {} };

/** A task whose first frame is seen and whose second and third are kept. */
function kept() {
  const sql = openMemorySql();
  const env: CoreEnv = { now: 1_000_000, mint: () => "0".repeat(26) };
  migrate(sql, TASK_MIGRATIONS);
  const at = (ms: number) => (env.now + ms) as UnixMs; // safe because: milliseconds plus milliseconds
  detach(sql, env, {
    ...{ sealed: new Uint8Array([1]), job: null, callback: null, session: null },
    ...{ deadline: at(60_000), expires_ms: at(600_000) },
  });
  const lease = () => {
    const leased = leaseTask(sql, env, { life_ms: LIFE_MS, held: false });
    if (!leased.ok) throw new Error(leased.error.reason);
    return leased.value;
  };
  const append = (fence: number, from: number, unseen = false) =>
    appendLog(sql, fence, { from, frames: 1, sealed: new Uint8Array([from]), ...(unseen ? { unseen: true } : {}) });
  const seen = () => {
    const page = readLog(sql, env, 0);
    if (!page.ok) throw new Error(page.error.reason);
    const { parts, end, frames } = page.value;
    return { parts: parts.map(({ sealed }) => sealed[0]), frames, end };
  };
  const { fence } = lease();
  openLog(sql, fence, HEAD);
  append(fence, 1);
  append(fence, 2, true);
  append(fence, 3, true);
  return { sql, env, fence, lease, append, seen };
}

describe("the end of an answer that is kept unseen", () => {
  it("is shown with the log's end and not before, so that nobody has an answer that is not settled", () => {
    const { sql, env, fence, seen } = kept();
    expect(seen()).toEqual({ parts: [1], frames: 1, end: null });
    closeLog(sql, env, fence, "complete");
    expect(seen()).toEqual({ parts: [1, 2, 3], frames: 3, end: "complete" });
  });

  it("is there for whoever has the task next, who ends it", () => {
    const { sql, env, lease, seen } = kept();
    env.now += LIFE_MS;
    const next = lease();
    expect(next).toMatchObject({ frames: 1, unseen: 2 });
    closeLog(sql, env, next.fence, "complete");
    expect(seen().parts).toEqual([1, 2, 3]);
  });

  it("is gone with the first other frame, and with a failure, so that no answer is put together from two runs", () => {
    const other = kept();
    expect(other.append(other.fence, 2).ok).toBe(true);
    closeLog(other.sql, other.env, other.fence, "complete");
    expect(other.seen()).toEqual({ parts: [1, 2], frames: 2, end: "complete" });
    const failed = kept();
    closeLog(failed.sql, failed.env, failed.fence, "failed");
    expect(failed.seen()).toEqual({ parts: [1], frames: 1, end: "failed" });
  });

  it("begins anew with the next run that keeps one, and takes no frame behind a gap", () => {
    const { env, lease, append } = kept();
    env.now += LIFE_MS;
    const { fence } = lease();
    expect(() => append(fence, 4)).toThrow(RangeError);
    expect(() => append(fence, 5, true)).toThrow(RangeError);
    append(fence, 2, true);
    env.now += LIFE_MS;
    expect(lease().unseen).toBe(1);
  });
});
