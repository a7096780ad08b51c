import type { LogEnd, LogItem } from "../../../shared/contracts/ports/task-log.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { LogPage } from "../log.ts";
import type { LogHub } from "./hub.ts";

type Gone = { reason: "not_found" } | { reason: "expired" };

/** Reads durable parts behind a frame. */
export type ReadPage = (after: number) => Promise<Result<LogPage, Gone>>;

/**
 * What is durable behind frame `after`, then frames as they come, then the end. A pull looks first at recent frames in
 * memory, then at what is durable, then waits; a slow reader holds nobody up and reads durable parts. Nothing is read
 * before it is told that there is something. A part may begin before the next frame: readers drop what they have.
 */
export async function watch(
  hub: LogHub,
  name: string,
  after: number,
  read: ReadPage,
): Promise<Result<ReadableStream<LogItem>, Gone | { reason: "too_many" }>> {
  let next = after + 1;
  let headed = false;
  /** There may be something durable to read up to this frame, as was told since the last look began. */
  let readable = 0;
  let wake: (() => void) | null = null;
  const leave = hub.join(name, (upTo) => {
    readable = Math.max(readable, upTo);
    wake?.();
  });
  if (leave === null) return err({ reason: "too_many" });
  const first = await read(after).catch((cause: unknown) => {
    leave();
    throw cause;
  });
  if (!first.ok) {
    leave();
    return first;
  }
  /** What was read and not handed out yet. */
  let looked: LogPage | null = first.value;
  let over: LogEnd | null = null;

  async function look(): Promise<LogPage> {
    readable = 0;
    const page = await read(next - 1);
    // It expired while it was watched: what came is all there is, and it is not the end.
    if (!page.ok) throw new Error("the log is not kept any more");
    return page.value;
  }

  async function advance(controller: ReadableStreamDefaultController<LogItem>): Promise<void> {
    for (;;) {
      const frames = headed && looked === null ? hub.recent(name, next) : [];
      if (frames.length > 0) {
        controller.enqueue({ kind: "live", live: { from: next, frames } });
        next += frames.length;
        return;
      }
      if (over !== null) {
        controller.enqueue({ kind: "end", end: over });
        controller.close();
        leave?.();
        return;
      }
      if (looked === null && readable < next) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
        continue;
      }
      const { head, parts, end, more } = looked ?? (await look());
      looked = null;
      if (head !== null && !headed && (parts.length > 0 || end !== null)) {
        headed = true;
        controller.enqueue({ kind: "head", head });
      }
      for (const part of parts) {
        controller.enqueue({ kind: "part", part });
        next = part.from + part.frames;
      }
      if (more) readable = Number.POSITIVE_INFINITY;
      else over = end;
      if (parts.length > 0) return;
    }
  }

  return ok(
    new ReadableStream<LogItem>(
      {
        async pull(controller) {
          try {
            await advance(controller);
          } catch (cause) {
            leave();
            throw cause;
          }
        },
        cancel() {
          leave();
          wake?.();
        },
      },
      { highWaterMark: 0 },
    ),
  );
}
