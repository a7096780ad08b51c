import type { TaskId } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import type { ReceivedJob } from "../shared/contracts/ports/job-queue.ts";
import { unreachable } from "../shared/contracts/result.ts";
import type { FromWorker } from "../shared/contracts/worker-protocol.ts";
import { HeldBytes } from "./chunks.ts";
import type { TaskFrame } from "./connection.ts";
import { InHand, type InHandOptions } from "./in-hand.ts";
import { taskOf } from "./message.ts";
import { Shelf } from "./shelf.ts";

export interface JobsInHandOptions extends InHandOptions {
  /** A job is out of hand: its slot is free. */
  released: () => void;
}

/** `hello` names no more. */
const HELD_MAX = 1_024;

/** Messages that this worker received and did not end yet, at most one for each task. Never throws. */
export class JobsInHand {
  readonly room = new HeldBytes();
  readonly #options: JobsInHandOptions;
  readonly #byTask = new Map<TaskId, InHand>();
  readonly #byNumber = new Map<number, InHand>();
  readonly #shelf: Shelf;
  readonly #pending = new Set<Promise<void>>();
  #numbers = 0;
  #connected = false;

  constructor(options: JobsInHandOptions) {
    this.#options = options;
    this.#shelf = new Shelf(options.clock);
  }

  get size(): number {
    return this.#byTask.size;
  }

  /** Takes a received message; its slot is released when it is out of hand. */
  accept(delivery: ReceivedJob): void {
    const { queue } = this.#options;
    const task = taskOf(delivery.body);
    const known = task === null ? undefined : this.#byTask.get(task);
    if (task === null) {
      this.#queued("burying", queue.bury(delivery, "not a message that this worker knows"));
      this.#release(delivery, "unknown");
    } else if (known !== undefined) {
      // Another message of a task that is in hand waits for its end, and is refused then.
      if (known.delivery.id === delivery.id) known.adopt(delivery);
      else this.#queued("hiding", queue.extend(delivery, LIMITS.runLeaseMs));
      this.#release(delivery, "duplicate");
    } else {
      const entry = new InHand(
        {
          ...this.#options,
          ...{ room: this.room, shelf: this.#shelf },
          queued: (what, call) => this.#queued(what, call),
          ended: (ended) => this.#ended(ended),
        },
        ++this.#numbers,
        task,
        delivery,
      );
      this.#byTask.set(task, entry);
      this.#byNumber.set(entry.number, entry);
      if (this.#connected) entry.tell({ type: "connected" });
    }
  }

  /** Generations that can be offered again, for `hello`. */
  held(): Extract<FromWorker, { t: "hello" }>["held"] {
    return [...this.#byTask.values()]
      .filter(({ job }) => job.generation.state !== "none" && job.generation.whole)
      .slice(0, HELD_MAX)
      .map(({ job, delivery }) => ({
        ...{ task: job.task, message: delivery.body, chunks: job.generation.chunks },
        ended: job.generation.state === "ended",
      }));
  }

  connected(): void {
    this.#connected = true;
    for (const entry of [...this.#byTask.values()]) entry.tell({ type: "connected" });
  }

  disconnected(): void {
    this.#connected = false;
    for (const entry of [...this.#byTask.values()]) entry.tell({ type: "disconnected" });
  }

  /** A frame about a task; one about a task that is not in hand, or of an older lease, changes nothing. */
  frame(frame: Exclude<TaskFrame, { t: "drain" }>): void {
    switch (frame.t) {
      case "leased": {
        const [entry, asked] = this.#asked(frame.ref);
        entry?.leased(asked, frame);
        return;
      }
      case "refused": {
        const [entry, asked] = this.#asked(frame.ref);
        entry?.tell({ ...{ type: "refused", asked }, reason: frame.reason, retry_after_ms: frame.retry_after_ms });
        return;
      }
      case "credit":
        this.#byTask.get(frame.task)?.tell({ type: "credit", ...frame });
        return;
      case "cancel":
      case "settled":
      case "lost":
        this.#byTask.get(frame.task)?.tell({ type: frame.t, fence: frame.fence });
        return;
      default:
        unreachable(frame);
    }
  }

  /** Stops everything and gives the messages back; resolves when the queue knows. */
  async giveUp(): Promise<void> {
    for (const entry of [...this.#byTask.values()]) entry.tell({ type: "give_up" });
    await this.told();
  }

  /** Resolves when the queue was told about everything that ended so far. */
  async told(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #asked(ref: string): [InHand | undefined, asked: number] {
    const [number, asked] = ref.split(".").map(Number);
    return [this.#byNumber.get(number ?? 0), asked ?? 0];
  }

  #ended(entry: InHand): void {
    this.#byTask.delete(entry.job.task);
    this.#byNumber.delete(entry.number);
    this.#release(entry.delivery, entry.job.phase);
  }

  #release({ queue }: ReceivedJob, outcome: string): void {
    this.#options.telemetry.metrics.count("bailiwick_worker_jobs_total", { class: queue.class, outcome });
    this.#options.released();
  }

  /** What the queue did not hear it finds out by itself: the message is shown again, and refused or run by its fence. */
  #queued(what: string, call: Promise<unknown>): void {
    const pending: Promise<void> = call
      .then(
        () => undefined,
        (cause) => this.#options.telemetry.log.error("worker.queue", cause, { what }),
      )
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }
}
