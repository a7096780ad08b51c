import type { TaskId } from "../ids.ts";
import type { EngineRequest } from "./engine.ts";

/** The connection of the worker that carries out one task: an engine's request goes out, its answer's bytes come back. */
export interface WorkerChannel {
  readonly pool: string;
  /** The engine behind the worker invents its answers. */
  readonly synthetic: boolean;
  /**
   * Sends the request to the worker, once; resolves when its engine accepted it. Rejects, and breaks the body, with
   * `EngineError` only. Aborting `signal`, and cancelling the body, stop it at the worker.
   */
  execute(request: EngineRequest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>;
}

/** Which worker's connection carries out which task, while its run lasts. One per process. */
export class WorkerChannels {
  readonly #channels = new Map<string, WorkerChannel>();

  set(task: TaskId, channel: WorkerChannel): void {
    this.#channels.set(task, channel);
  }
  get(task: string): WorkerChannel | null {
    return this.#channels.get(task) ?? null;
  }
  /** Unless another one has taken its place. */
  delete(task: TaskId, channel: WorkerChannel): void {
    if (this.#channels.get(task) === channel) this.#channels.delete(task);
  }
}
