import { LIMITS } from "../shared/contracts/limits.ts";
import type { Clock } from "../shared/contracts/ports/clock.ts";
import type { JobQueue, QueueClass, ReceivedJob } from "../shared/contracts/ports/job-queue.ts";
import type { Telemetry } from "../shared/contracts/ports/telemetry.ts";
import { Backoff, pause } from "./backoff.ts";
import type { Turn, Turns } from "./turns.ts";

export interface ConsumerOptions {
  queue: Pick<JobQueue, "receive" | "extend" | "placement">;
  pool: string;
  turns: Turns;
  /** Whether a job could be run now: engine ready, cell connected, nobody leaving. */
  open: () => boolean;
  accept: (job: ReceivedJob) => void;
  telemetry: Telemetry;
  clock: Clock;
  random: () => number;
}

/**
 * Asks both queues of a pool for as many jobs as there are free slots. While it is not `open` nothing is asked, and what
 * still arrives from a receive under way is given back at once.
 */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #leave = new AbortController();
  readonly #receiving = new Set<Promise<void>>();
  readonly #backoff: Record<QueueClass, Backoff>;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: ConsumerOptions) {
    this.#options = options;
    const backoff = () => new Backoff(LIMITS.workerReconnectMsMin, LIMITS.workerReceiveRetryMsMax, options.random);
    this.#backoff = { interactive: backoff(), batch: backoff() };
  }

  /** Something changed: a slot is free, the engine is ready, the connection is up. */
  wake(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#leave.signal.aborted || !this.#options.open()) return;
    const { turns, clock } = this.#options;
    for (const turn of turns.next(clock.now())) {
      const receiving: Promise<void> = this.#receive(turn).finally(() => this.#receiving.delete(receiving));
      this.#receiving.add(receiving);
    }
    const { wakeMs } = turns;
    if (wakeMs !== null) this.#timer = setTimeout(() => this.wake(), Math.max(1, wakeMs - clock.now()));
  }

  /** Asks for nothing more; resolves when every receive under way has ended, its jobs accepted or given back. */
  async stop(): Promise<void> {
    this.#leave.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await Promise.all(this.#receiving);
  }

  async #receive({ class: of, max, wait_ms }: Turn): Promise<void> {
    const { queue, pool, turns, telemetry, clock } = this.#options;
    let jobs: ReceivedJob[] = [];
    try {
      jobs = await queue.receive(
        { pool, class: of },
        {
          ...{ max, wait_ms, visibility_ms: LIMITS.runLeaseMs },
          // A receive over a network that is cut off may take messages along; it is waited for instead.
          ...(queue.placement.technology === "sqlite" ? { signal: this.#leave.signal } : {}),
        },
      );
      this.#backoff[of].reset();
    } catch (cause) {
      telemetry.metrics.count("bailiwick_worker_receive_failures_total", { class: of });
      telemetry.log.error("worker.receive", cause, { class: of });
      await pause(this.#backoff[of].next(), this.#leave.signal);
    }
    const taken = this.#leave.signal.aborted || !this.#options.open() ? [] : jobs.slice(0, max);
    turns.received(of, taken.length, clock.now());
    await Promise.all(jobs.slice(taken.length).map((job) => this.#giveBack(job)));
    for (const job of taken) this.#options.accept(job);
    this.wake();
  }

  async #giveBack(job: ReceivedJob): Promise<void> {
    try {
      await this.#options.queue.extend(job, 0);
    } catch (cause) {
      // It is shown again by itself when its visibility is over.
      this.#options.telemetry.log.error("worker.give_back", cause);
    }
  }
}
