import { LIMITS } from "../shared/contracts/limits.ts";
import type { QueueClass } from "../shared/contracts/ports/job-queue.ts";

/** One receive, with its slots reserved. */
export interface Turn {
  class: QueueClass;
  max: number;
  wait_ms: number;
}

/** Free slots from which on a class may hold some of them while it waits at an empty queue. */
const ROOM = 4;

/**
 * Who may receive how much. Slots are reserved before a queue is asked, so that jobs in hand never exceed `slots`.
 * Interactive work goes first, and batch never starves: while batch work waits, at most `workerInteractiveRun`
 * interactive jobs start between two batch jobs. A receive that waits at an empty queue holds its slots, so where few are
 * free, batch only looks, at most once in `workerTurnMs` unless its turn is owed, and interactive waits no longer.
 */
export class Turns {
  readonly #slots: number;
  readonly #reserved: Record<QueueClass, number> = { interactive: 0, batch: 0 };
  /** The last receive was filled, so there is probably more. */
  readonly #pressed: Record<QueueClass, boolean> = { interactive: false, batch: false };
  #busy = 0;
  /** Interactive jobs since batch was asked last. */
  #run = 0;
  /** Interactive had nothing when it was asked last. */
  #quiet = false;
  #batchNotBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(slots: number) {
    this.#slots = slots;
  }

  get busy(): number {
    return this.#busy;
  }
  get free(): number {
    return this.#slots - this.#busy - this.#reserved.interactive - this.#reserved.batch;
  }

  /** Receives to begin now; each ends with `received`. */
  next(nowMs: number): Turn[] {
    const turns: Turn[] = [];
    const batch = this.#batch(nowMs);
    if (batch) turns.push(batch);
    const interactive = this.#interactive();
    if (interactive) turns.push(interactive);
    return turns;
  }

  /** When `next` may answer more although nothing else has happened; null: not by time alone. */
  get wakeMs(): number | null {
    return this.free > 0 && this.#reserved.batch === 0 && Number.isFinite(this.#batchNotBeforeMs)
      ? this.#batchNotBeforeMs
      : null;
  }

  #batch(nowMs: number): Turn | null {
    const { free } = this;
    if (free < 1 || this.#reserved.batch > 0) return null;
    const owed = this.#run >= LIMITS.workerInteractiveRun;
    const asks = this.#reserved.interactive > 0;
    if (!owed && (nowMs < this.#batchNotBeforeMs || (free === 1 && !this.#quiet && !asks))) return null;
    const max = free < ROOM ? 1 : this.#pressed.batch ? Math.min(free >> 1, LIMITS.queueReceiveJobsMax) : 1;
    this.#reserved.batch = max;
    return { class: "batch", max, wait_ms: free < ROOM || max > 1 ? 0 : LIMITS.workerBatchWaitMs };
  }

  #interactive(): Turn | null {
    const { free } = this;
    if (free < 1 || this.#reserved.interactive > 0) return null;
    // While batch is being asked it has its turn; otherwise it is asked before the run is over.
    const left = LIMITS.workerInteractiveRun - (this.#reserved.batch > 0 ? 0 : this.#run);
    if (left < 1) return null;
    const max = this.#pressed.interactive ? Math.min(free, left, LIMITS.queueReceiveJobsMax) : 1;
    this.#reserved.interactive = max;
    // Batch work that is there would wait behind an empty queue.
    const briefly = this.#pressed.batch ? 0 : LIMITS.workerTurnMs;
    return { class: "interactive", max, wait_ms: free < ROOM || max > 1 ? briefly : LIMITS.queueWaitMsMax };
  }

  /** Ends a turn: `jobs` of its slots are in use from now on, the others free again. */
  received(of: QueueClass, jobs: number, nowMs: number): void {
    const reserved = this.#reserved[of];
    if (jobs > reserved) throw new RangeError("more jobs than slots that were reserved");
    this.#reserved[of] = 0;
    this.#busy += jobs;
    this.#pressed[of] = jobs > 0 && jobs === reserved;
    if (of === "interactive") {
      this.#run += jobs;
      this.#quiet = jobs === 0;
      return;
    }
    this.#run = 0;
    this.#quiet = false;
    this.#batchNotBeforeMs = jobs === 0 ? nowMs + LIMITS.workerTurnMs : Number.NEGATIVE_INFINITY;
  }

  /** A job is out of hand. */
  done(): void {
    if (this.#busy < 1) throw new RangeError("no job is in hand");
    this.#busy--;
  }
}
