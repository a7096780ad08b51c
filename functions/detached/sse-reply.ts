import { LIMITS } from "../../shared/contracts/limits.ts";
import type { LogEnd } from "../../shared/contracts/ports/task-log.ts";
import { utf8 } from "../../shared/crypto/utf8.ts";
import type { Deps } from "../context.ts";
import { lastFrameOut } from "../inference/last-frame.ts";
import type { Reply } from "../v1/operation.ts";

const KEEP_ALIVE = utf8(": keep-alive\n\n");

/**
 * Frames as an event stream, one for each pull, with comments while nothing comes. Frames that end `failed`, or throw, end
 * in a destroyed connection. A reader that leaves stops nothing but its own reading.
 */
export function sseReply(
  { clock }: Pick<Deps, "clock">,
  frames: AsyncGenerator<Uint8Array, LogEnd, undefined>,
  headers: Readonly<Record<string, string>> = {},
): Reply & { kind: "bytes" } {
  const over = Promise.withResolvers<"ok" | "error">();
  let timer: ReturnType<typeof setInterval> | null = null;
  let lastMs = clock.now();
  let pulling = false;
  const finish = (outcome: "ok" | "error"): void => {
    if (timer !== null) clearInterval(timer);
    over.resolve(outcome);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        timer = setInterval(() => {
          if (!pulling || clock.now() - lastMs < LIMITS.keepAliveMs) return;
          lastMs = clock.now();
          controller.enqueue(KEEP_ALIVE);
        }, LIMITS.keepAliveMs / 2);
      },
      async pull(controller) {
        pulling = true;
        try {
          const { done, value } = await frames.next();
          lastMs = clock.now();
          if (!done) return controller.enqueue(value);
          finish(value === "complete" ? "ok" : "error");
          if (value === "complete") return controller.close();
          await lastFrameOut();
          throw new Error("stream failed");
        } catch (cause) {
          finish("error");
          throw cause;
        } finally {
          pulling = false;
        }
      },
      async cancel() {
        finish("error");
        // Never waited for: the generator may be waiting for a frame that does not come.
        void frames.return("failed");
      },
    },
    { highWaterMark: 0 },
  );
  return {
    kind: "bytes",
    status: 200,
    contentType: "text/event-stream; charset=utf-8",
    body,
    headers: { "cache-control": "no-cache, no-transform", "x-accel-buffering": "no", ...headers },
    over: over.promise,
  };
}
