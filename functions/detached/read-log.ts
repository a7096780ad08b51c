import type { TaskId } from "../../shared/contracts/ids.ts";
import type { LogEnd, LogHead } from "../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Deps } from "../context.ts";
import { openPart } from "./log-parts.ts";

/** What a reader of a log gets, in order: the head, each frame once with its number, and how it ended. */
export type LogEvent =
  | { kind: "head"; head: LogHead }
  | { kind: "frame"; seq: number; frame: Uint8Array }
  | { kind: "end"; end: LogEnd };

export type LogGone = { reason: "not_found" } | { reason: "expired" } | { reason: "too_many" };

/**
 * A log behind frame `after`, opened, from whenever it is read to its end. `return()` stops watching with the next frame,
 * `stop` at once; the log then ends without its end.
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
  return ok(events(items, dataKey, tenant, task, after));
}

async function* events(
  items: ReadableStreamDefaultReader<import("../../shared/contracts/ports/task-log.ts").LogItem>,
  dataKey: Uint8Array,
  tenant: string,
  task: TaskId,
  after: number,
): AsyncGenerator<LogEvent, void, undefined> {
  let next = after + 1;
  try {
    for (;;) {
      const { done, value: item } = await items.read();
      if (done) return;
      if (item.kind === "head" || item.kind === "end") {
        yield item;
        continue;
      }
      const from = item.kind === "live" ? item.live.from : item.part.from;
      const frames = item.kind === "live" ? item.live.frames : await openPart(dataKey, tenant, task, item.part);
      if (from > next) throw new Error(`the log of ${task} has a gap before frame ${from}`);
      // A part may begin before what was read already.
      for (const frame of frames.slice(next - from)) yield { kind: "frame", seq: next++, frame };
    }
  } finally {
    await items.cancel();
  }
}
