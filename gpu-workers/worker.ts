import { LIMITS } from "../shared/contracts/limits.ts";
import type { Clock } from "../shared/contracts/ports/clock.ts";
import type { JobQueue } from "../shared/contracts/ports/job-queue.ts";
import type { Telemetry } from "../shared/contracts/ports/telemetry.ts";
import type { WorkerToken } from "../shared/contracts/worker-protocol.ts";
import { pause } from "./backoff.ts";
import { Connection, type ConnectionOptions, type TaskFrame } from "./connection.ts";
import { Consumer } from "./consumer.ts";
import { drain } from "./drain.ts";
import type { LocalEngine } from "./engines/engine.ts";
import { JobsInHand } from "./jobs-in-hand.ts";
import { Report } from "./report.ts";
import { Turns } from "./turns.ts";

export interface WorkerOptions {
  cell: URL;
  pool: string;
  worker: string;
  concurrency: number;
  queue: JobQueue;
  engine: LocalEngine;
  token: (signal: AbortSignal) => Promise<WorkerToken>;
  telemetry: Telemetry;
  clock: Clock;
  random: () => number;
  connect?: ConnectionOptions["connect"];
}

/** One worker: it takes jobs of its pool while its engine is ready and its cell connected, until it is drained. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #end = new AbortController();
  readonly #connection: Connection;
  readonly #jobs: JobsInHand;
  readonly #consumer: Consumer;
  readonly #report: Report;
  #leaving = false;
  /** The cell takes no more leases on this connection. */
  #shut = false;
  #waiting: (() => void)[] = [];

  constructor(options: WorkerOptions) {
    this.#options = options;
    const { telemetry, clock, random, queue, engine, pool, concurrency } = options;
    const turns = new Turns(concurrency);
    this.#jobs = new JobsInHand({
      ...{ queue, engine, telemetry, clock },
      send: (frame) => this.#connection.send(frame),
      released: () => {
        turns.done();
        this.#released();
      },
    });
    this.#consumer = new Consumer({
      ...{ queue, pool, turns, telemetry, clock, random },
      open: () => this.unready() === null,
      accept: (job) => this.#jobs.accept(job),
    });
    this.#report = new Report({
      ...{ engine, concurrency, telemetry },
      active: () => this.#jobs.size,
      told: (load) => this.#connection.send({ t: "load", load }),
      changed: () => this.#consumer.wake(),
    });
    this.#connection = new Connection({
      ...{ cell: options.cell, token: options.token, log: telemetry.log, clock, random },
      ...(options.connect === undefined ? {} : { connect: options.connect }),
      hello: () => this.#hello(),
      up: (welcome) => {
        this.#shut = false;
        this.#report.every(welcome.load_every_ms);
        telemetry.metrics.set("bailiwick_worker_connected", {}, 1);
        if (this.#leaving) this.#connection.send({ t: "leaving" });
        this.#jobs.connected();
        this.#consumer.wake();
      },
      down: () => {
        telemetry.metrics.set("bailiwick_worker_connected", {}, 0);
        this.#jobs.disconnected();
      },
      frame: (frame) => this.#frame(frame),
    });
    telemetry.beforeReading(() => {
      telemetry.metrics.set("bailiwick_worker_jobs_active", {}, this.#jobs.size);
      telemetry.metrics.set("bailiwick_worker_held_bytes", {}, this.#jobs.room.held);
    });
  }

  /** Null, or why no job would be taken now. */
  unready(): string | null {
    if (this.#leaving) return "leaving";
    if (!this.#report.ready) return "the engine is not ready";
    if (!this.#connection.isUp) return "the cell is not connected";
    return this.#shut ? "the cell drains" : null;
  }

  /** Runs until `drain` has ended. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#end;
    const reporting = this.#report.run(signal);
    // A cell is told what the engine is, so there is no connection before that is known.
    while (this.#report.engine === null && !signal.aborted) await pause(LIMITS.workerReconnectMsMin, signal);
    await Promise.all([reporting, this.#connection.run(signal)]);
  }

  /** Takes nothing more, lets jobs end within `ms`, gives the others back and disconnects. */
  async drain(ms: number, hurry: AbortSignal): Promise<{ gaveUp: number }> {
    this.#leaving = true;
    const outcome = await drain(
      {
        leaving: () => this.#connection.send({ t: "leaving" }),
        stopReceiving: () => this.#consumer.stop(),
        active: () => this.#jobs.size,
        released: () => new Promise((resolve) => void this.#waiting.push(resolve)),
        giveUp: () => this.#jobs.giveUp(),
        told: () => this.#jobs.told(),
      },
      ms,
      hurry,
    );
    this.#end.abort();
    return outcome;
  }

  #hello(): ReturnType<ConnectionOptions["hello"]> {
    const { engine } = this.#report;
    if (engine === null) throw new Error("the engine is not described yet");
    return {
      ...{ t: "hello", schema_version: 1, worker: this.#options.worker, engine },
      ...{ load: this.#report.load(), held: this.#jobs.held() },
    };
  }

  #frame(frame: TaskFrame): void {
    if (frame.t !== "drain") {
      this.#jobs.frame(frame);
      return;
    }
    this.#shut = true;
    if (this.#jobs.size === 0) this.#connection.reconnect("the cell drains");
  }

  #released(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
    if (this.#shut && this.#jobs.size === 0) this.#connection.reconnect("the cell drains");
    else this.#consumer.wake();
  }
}
