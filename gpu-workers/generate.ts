import { LIMITS } from "../shared/contracts/limits.ts";
import type { Chunks } from "./chunks.ts";
import { EngineFailed, type LocalEngine, type LocalRequest } from "./engines/engine.ts";
import type { JobEvent } from "./job.ts";

export interface Generating {
  engine: Pick<LocalEngine, "execute">;
  request: LocalRequest;
  chunks: Chunks;
  signal: AbortSignal;
  /** Told about each step; never throws. */
  tell: (event: Extract<JobEvent, { type: "head" | "chunk" | "end" | "fail" | "overflow" }>) => void;
  /** Resolves when chunks were sent, or `signal` aborted. */
  room: () => Promise<void>;
}

/**
 * Reads the engine's answer into its chunks. It reads on while chunks wait for credit up to a bound, and then pauses: a
 * slow caller holds back the engine, not the worker's memory. Never rejects.
 */
export async function generate({ engine, request, chunks, signal, tell, room }: Generating): Promise<void> {
  try {
    for await (const event of engine.execute(request, signal)) {
      if (signal.aborted) return;
      if (event.kind === "head") tell({ type: "head" });
      else
        for (let at = 0; at < event.raw.length; at += LIMITS.workerChunkBytes) {
          const whole = chunks.whole;
          // A copy: the engine's buffer may be a slice of a larger one, which would be kept with it.
          chunks.add(event.raw.slice(at, at + LIMITS.workerChunkBytes));
          if (whole && !chunks.whole) tell({ type: "overflow" });
          if (signal.aborted) return;
          tell({ type: "chunk" });
          while (chunks.unsentBytes > LIMITS.workerUnsentBytesMax && !signal.aborted) await room();
          if (signal.aborted) return;
        }
    }
    if (!signal.aborted) tell({ type: "end" });
  } catch (error) {
    if (signal.aborted) return;
    const failed =
      error instanceof EngineFailed
        ? error
        : new EngineFailed({ reason: "failed", message: "the worker failed" }, { cause: error });
    tell({ type: "fail", failure: failed.failure });
  }
}
