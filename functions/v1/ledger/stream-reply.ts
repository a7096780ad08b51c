import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import type { Reply } from "../operation.ts";

type Piece = Uint8Array<ArrayBufferLike>;

/**
 * A long answer in pieces, as its reader takes them: one pull, one piece. Whatever breaks it (its source, a drain that is
 * over, `LIMITS.exportMsMax`) destroys the connection, so that half an answer never looks like a whole one. Throws
 * `overloaded` when `LIMITS.exportsAtOnceMax` of this isolate are under way.
 */
export function streamReply(
  deps: Pick<Deps, "lifecycle" | "telemetry" | "clock">,
  call: Pick<Call, "runtime" | "request">,
  contentType: string,
  pieces: AsyncGenerator<Piece>,
  headers: Record<string, string>,
): Reply {
  const running = runningIn(deps.lifecycle);
  if (running.count >= LIMITS.exportsAtOnceMax)
    throw new ProblemError("overloaded", { detail: "Enough exports are under way.", retryAfterMs: 5_000 });
  const endMs = deps.clock.now() + LIMITS.exportMsMax;
  const { promise: over, resolve } = Promise.withResolvers<"ok" | "error">();
  /** Null until the first pull: an answer to HEAD has a body that nobody reads, and nobody cancels. */
  let leave: (() => void) | null = null;
  let ended = false;
  const begin = (): void => {
    if (leave !== null || ended) return;
    running.count++;
    leave = deps.lifecycle.enter();
  };
  const end = (outcome: "ok" | "error"): void => {
    if (ended) return;
    ended = true;
    if (leave !== null) running.count--;
    leave?.();
    resolve(outcome);
  };
  const body = new ReadableStream<Piece>(
    {
      async pull(controller) {
        begin();
        try {
          if (deps.lifecycle.expired.aborted) throw new Error("the cell is shutting down");
          if (deps.clock.now() > endMs) throw new Error("the export took too long");
          const next = await pieces.next();
          if (!next.done) return controller.enqueue(next.value);
          end("ok");
          controller.close();
        } catch (cause) {
          deps.telemetry.log.error("export.failed", cause, { request: call.request });
          end("error");
          controller.error(cause);
        }
      },
      async cancel() {
        end("error");
        await pieces.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
  // A caller that leaves before the first pull is heard of here alone.
  const gone = () => {
    end("error");
    call.runtime.defer(pieces.return(undefined));
  };
  call.runtime.disconnected.addEventListener("abort", gone, { once: true });
  return {
    kind: "bytes",
    status: 200,
    contentType,
    body,
    headers: { "cache-control": "no-store", "x-accel-buffering": "no", ...headers },
    over,
  };
}

/** Exports of each isolate, which has one lifecycle. */
const RUNNING = new WeakMap<Deps["lifecycle"], { count: number }>();

function runningIn(lifecycle: Deps["lifecycle"]): { count: number } {
  const running = RUNNING.get(lifecycle) ?? { count: 0 };
  RUNNING.set(lifecycle, running);
  return running;
}
