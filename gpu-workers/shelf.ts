import type { TaskId } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import type { Clock } from "../shared/contracts/ports/clock.ts";
import type { Chunks } from "./chunks.ts";
import type { LocalRequest } from "./engines/engine.ts";
import type { Generation } from "./job.ts";

/** A whole answer whose run was lost. */
export interface Shelved {
  generation: Generation;
  chunks: Chunks;
  request: LocalRequest;
}

/** Keeps whole answers for as long as their message may come again, within the bytes that the worker may hold. */
export class Shelf {
  readonly #clock: Clock;
  readonly #kept = new Map<TaskId, { shelved: Shelved; untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(task: TaskId, shelved: Shelved): void {
    this.#sweep();
    this.#kept.get(task)?.shelved.chunks.forget();
    this.#kept.set(task, { shelved, untilMs: this.#clock.now() + LIMITS.workerShelfMsMax });
  }

  /** Takes it off, once. */
  take(task: TaskId): Shelved | null {
    this.#sweep();
    const kept = this.#kept.get(task);
    this.#kept.delete(task);
    return kept?.shelved ?? null;
  }

  #sweep(): void {
    const now = this.#clock.now();
    for (const [task, { shelved, untilMs }] of this.#kept) {
      if (untilMs > now) continue;
      shelved.chunks.forget();
      this.#kept.delete(task);
    }
  }
}
