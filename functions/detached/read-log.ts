import type { TaskId } from "../../shared/contracts/ids.ts";
import type { LogEnd, LogHead, LogItem } from "../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Deps } from "../context.ts";
import { ProblemError } from "../problem.ts";
import { openPart } from "./log-parts.ts";

/** What a reader of a log gets, in order: the head, each frame once with its number, and how it ended. */
export type LogEvent =
  | { kind: "head"; head: LogHead }
  | { kind: "frame"; seq: number; frame: Uint8Array }
  | { kind: "end"; end: LogEnd };

export type LogGone = { reason: "not_found" } | { reason: "expired" } | { reason: "too_many" };

/**
 * A log behind frame `after`, opened, from whenever it is read to its end. `return()` stops watching with the next frame,
 * `stop` at once; only then does it end without its end. One that breaks off throws `store-unavailable`.
 */
export async function readLog(
  deps: Pick<Deps, "tasks">,
  dataKey: Uint8Array,
  tenant: string,
  task: TaskId,
  after: number,
  stop?: AbortSignal,
): Promise<Result<AsyncGenerator<LogEvent, void, undefined>, LogGone>> {
  const watched = await deps.tasks.watchLog(tenant as Parameters<Deps["tasks"]["watchLog"]>[0], task, after); // safe because: callers have it from a tenant's state
  if (!watched.ok) return err(watched.error);
  const items = watched.value.getReader();
  // A log that broke off is left already.
  const leave = () => void items.cancel().catch(() => undefined);
  if (stop?.aborted) leave();
  stop?.addEventListener("abort", leave, { once: true });
  return ok(events(items, { dataKey, tenant, task, after, stopped: () => stop?.aborted === true }));
}

interface Reading {
  dataKey: Uint8Array;
  tenant: string;
  task: TaskId;
  after: number;
  stopped(): boolean;
}

async function* events(
  items: ReadableStreamDefaultReader<LogItem>,
  { dataKey, tenant, task, after, stopped }: Reading,
): AsyncGenerator<LogEvent, void, undefined> {
  let next = after + 1;
  try {
    for (;;) {
      const { done, value: item } = await nextItem(items, task);
      if (done) {
        if (stopped()) return;
        throw brokeOff(task);
      }
      if (item.kind === "head" || item.kind === "end") {
        yield item;
        if (item.kind === "end") return;
        continue;
      }
      const from = item.kind === "live" ? item.live.from : item.part.from;
      const frames = item.kind === "live" ? item.live.frames : await openPart(dataKey, tenant, task, item.part);
      if (from > next) throw new Error(`the log of ${task} has a gap before frame ${from}`);
      // A part may begin before what was read already.
      for (const frame of frames.slice(next - from)) yield { kind: "frame", seq: next++, frame };
    }
  } finally {
    // One that broke off is over, and says once more why.
    await items.cancel().catch(() => undefined);
  }
}

/** As many watch the task as may: throws `overloaded`. Only the other reasons say that the log is not there. */
export function refuseCrowd({ reason }: LogGone): void {
  if (reason === "too_many") throw new ProblemError("overloaded", { retryAfterMs: 1_000 });
}

/** Nothing is known of how the task ended: whoever asks again reads the log from its beginning. */
export const brokeOff = (task: TaskId, cause?: unknown): ProblemError =>
  new ProblemError(
    "store-unavailable",
    { detail: "The answer could not be read to its end.", retryAfterMs: 1_000 },
    { cause: new Error(`the log of ${task} broke off`, { cause }) },
  );

/** What crossed a process boundary on its way has no class any more: whatever a log's stream throws, the log broke off. */
export async function nextItem(
  items: ReadableStreamDefaultReader<LogItem>,
  task: TaskId,
): Promise<ReadableStreamReadResult<LogItem>> {
  try {
    return await items.read();
  } catch (cause) {
    throw brokeOff(task, cause);
  }
}
