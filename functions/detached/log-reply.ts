import type { LogEnd, LogHead } from "../../shared/contracts/ports/task-log.ts";
import { lastFrameOut } from "../inference/last-frame.ts";
import { concat } from "../inference/result-keeper.ts";
import { ProblemError } from "../problem.ts";
import type { Reply } from "../v1/operation.ts";
import type { LogEvent } from "./read-log.ts";

type Events = AsyncGenerator<LogEvent, void, undefined>;

/**
 * The answer that a log tells, byte for byte: a stream as it grows, anything else once it is whole. A log that ended
 * `failed` destroys the stream's connection behind its last frame. `over` resolves when the last byte is out; `left` is
 * called when the caller goes away before that.
 */
export async function logReply(events: Events, left: () => void): Promise<Reply> {
  const first = await events.next();
  if (first.done || first.value.kind !== "head") {
    await events.return();
    throw new ProblemError("outcome-unknown", { detail: "The task's log ended without an answer." });
  }
  const { head } = first.value;
  return head.stream ? streamed(head, events, left) : whole(head, events);
}

async function whole(head: LogHead, events: Events): Promise<Reply> {
  const parts: Uint8Array[] = [];
  let end: LogEnd | null = null;
  for await (const event of events) {
    if (event.kind === "frame") parts.push(event.frame);
    if (event.kind === "end") ({ end } = event);
  }
  if (end === null) throw new Error("the log broke off");
  // Part of an answer was written, and then it was lost.
  if (end === "failed")
    throw new ProblemError("outcome-unknown", { detail: "The answer of this task is not complete." });
  const body = concat(
    parts,
    parts.reduce((sum, part) => sum + part.byteLength, 0),
  );
  return { kind: "bytes", status: head.status, contentType: head.content_type, body, headers: { ...head.headers } };
}

function streamed(head: LogHead, events: Events, left: () => void): Reply {
  const over = Promise.withResolvers<"ok" | "error">();
  let failed = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value: event } = await events.next();
          if (done || event.kind === "head") throw new Error("the log broke off");
          if (event.kind === "frame") return controller.enqueue(event.frame);
          over.resolve(event.end === "complete" ? "ok" : "error");
          if (event.end === "complete") return controller.close();
          failed = true;
          await lastFrameOut();
          throw new Error("stream failed");
        } catch (cause) {
          if (!failed) over.resolve("error");
          await events.return();
          throw cause;
        }
      },
      async cancel() {
        over.resolve("error");
        left();
        await events.return();
      },
    },
    { highWaterMark: 0 },
  );
  return {
    kind: "bytes",
    status: head.status,
    contentType: head.content_type,
    body,
    headers: { ...head.headers, "cache-control": "no-cache, no-transform", "x-accel-buffering": "no" },
    over: over.promise,
  };
}
