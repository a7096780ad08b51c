import type { TaskId } from "../ids.ts";
import type { EngineRequest, ModelEvent } from "./engine.ts";

/** The connection of the worker that carries out one task: an engine's request goes out, its events come back. */
export interface WorkerChannel {
  readonly pool: string;
  /**
   * Sends the request to the worker, once. Rejects and throws with `EngineError` only; aborting `signal`, and `return()`
   * on the iterator, cancel it at the worker.
   */
  execute(request: EngineRequest, deadlineMs: number, signal: AbortSignal): AsyncIterable<ModelEvent>;
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
