import type { TaskId } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import type { Clock } from "../shared/contracts/ports/clock.ts";
import type { JobQueue, ReceivedJob } from "../shared/contracts/ports/job-queue.ts";
import type { Span, Telemetry } from "../shared/contracts/ports/telemetry.ts";
import { unreachable } from "../shared/contracts/result.ts";
import type { FromWorker, ToWorker } from "../shared/contracts/worker-protocol.ts";
import { Chunks, type HeldBytes } from "./chunks.ts";
import type { LocalEngine, LocalRequest } from "./engines/engine.ts";
import { generate } from "./generate.ts";
import { isOver, type Job, type JobEffect, type JobEvent, newJob, step } from "./job.ts";
import type { Shelf } from "./shelf.ts";

export interface InHandOptions {
  queue: Pick<JobQueue, "extend" | "remove" | "bury">;
  engine: Pick<LocalEngine, "execute">;
  /** Sends a frame; while there is no connection it is lost, and `disconnected` comes. */
  send: (frame: FromWorker) => void;
  telemetry: Telemetry;
  clock: Clock;
}

/** What all jobs of a worker share. */
export interface Desk extends InHandOptions {
  room: HeldBytes;
  shelf: Shelf;
  /** A call of the queue whose end nobody waits for. */
  queued: (what: string, call: Promise<unknown>) => void;
  /** Called once, when the job is over. */
  ended: (job: InHand) => void;
}

/** One message with everything that belongs to it: performs what `job.ts` decides. */
export class InHand {
  readonly #desk: Desk;
  /** Names it in `ref`; never used twice. */
  readonly number: number;
  #job: Job;
  #delivery: ReceivedJob;
  readonly #chunks: Chunks;
  #request: LocalRequest | null;
  readonly #stop = new AbortController();
  readonly #heartbeat: ReturnType<typeof setInterval>;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #deadline: ReturnType<typeof setTimeout> | null = null;
  /** Resolves the wait of its generation. */
  #roomMade: () => void = () => undefined;
  readonly #span: Span;
  #engineSpan: Span | null = null;

  constructor(desk: Desk, number: number, task: TaskId, delivery: ReceivedJob) {
    const shelved = desk.shelf.take(task);
    this.#desk = desk;
    this.number = number;
    this.#job = newJob(task, shelved?.generation);
    this.#delivery = delivery;
    this.#chunks = shelved?.chunks ?? new Chunks(desk.room);
    this.#request = shelved?.request ?? null;
    this.#heartbeat = setInterval(
      () => desk.queued("extending", desk.queue.extend(this.#delivery, LIMITS.runLeaseMs)),
      LIMITS.runLeaseMs / 3,
    );
    this.#span = desk.telemetry.start("pool job", delivery.traceparent || null, {
      "messaging.operation.name": "process",
      "messaging.destination.name": `${delivery.queue.pool}/${delivery.queue.class}`,
      "bailiwick.task": task,
    });
  }

  get job(): Job {
    return this.#job;
  }
  get delivery(): ReceivedJob {
    return this.#delivery;
  }

  /** The same message was delivered again: that delivery is the one in force now. */
  adopt(delivery: ReceivedJob): void {
    this.#delivery = delivery;
  }

  /** The cell's answer to `lease`; one to an older question, or about another task, changes nothing. */
  leased(asked: number, frame: Extract<ToWorker, { t: "leased" }>): void {
    const { telemetry, clock } = this.#desk;
    if (this.#job.phase !== "leasing" || this.#job.asked !== asked) return;
    if (frame.task !== this.#job.task) {
      telemetry.log.warn("worker.lease_of_another_task", { task: this.#job.task });
      return;
    }
    this.#chunks.rewind();
    if (this.#request === null) {
      this.#engineSpan = telemetry.start("pool generation", frame.request.traceparent, {
        "bailiwick.task": frame.task,
        "gen_ai.request.model": frame.request.model,
      });
      this.#request = { ...frame.request, task: frame.task, traceparent: this.#engineSpan.traceparent };
    }
    // The cell ends a task at its deadline; a worker that heard nothing of it does not keep the engine busy for ever.
    const leftMs = Math.max(0, frame.deadline_ms - clock.now()) + LIMITS.abandonGraceMs;
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.tell({ type: "give_up" }), Math.min(leftMs, LIMITS.queueVisibilityMsMax));
    this.tell({ type: "leased", asked, fence: frame.fence, credit: frame.credit });
  }

  /** Whatever happened: decides, and performs the decision. */
  tell(event: JobEvent): void {
    const was = this.#job;
    const { job, effects } = step(was, event);
    this.#job = job;
    for (const effect of effects) this.#perform(effect);
    if (isOver(job) && !isOver(was)) this.#ended();
  }

  #perform(effect: JobEffect): void {
    const { queue, queued, send } = this.#desk;
    const { task } = this.#job;
    switch (effect.do) {
      case "lease":
        send({
          ...{ t: "lease", ref: `${this.number}.${effect.asked}`, held: effect.held },
          ...{ message: this.#delivery.body, delivered: this.#delivery.id },
        });
        return;
      case "start":
        this.#start();
        return;
      case "stop":
        this.#stop.abort();
        this.#roomMade();
        return;
      case "send_head":
        if (this.#request !== null) send({ t: "head", task, fence: effect.fence, dialect: this.#request.dialect });
        return;
      case "send_chunk": {
        const data = Buffer.from(this.#chunks.at(effect.seq)).toString("base64");
        send({ t: "chunk", task, fence: effect.fence, seq: effect.seq, data });
        this.#chunks.sent(effect.seq);
        this.#roomMade();
        return;
      }
      case "send_end":
        send({ t: "end", task, fence: effect.fence, seq: effect.seq });
        return;
      case "send_fail":
        send({ t: "fail", task, fence: effect.fence, failure: effect.failure });
        return;
      case "hide":
        queued("hiding", queue.extend(this.#delivery, Math.min(effect.ms, LIMITS.queueVisibilityMsMax)));
        return;
      case "retry":
        this.#retry = setTimeout(() => this.tell({ type: "retry" }), effect.after_ms);
        return;
      case "remove":
        queued("removing", queue.remove(this.#delivery));
        return;
      case "bury":
        queued("burying", queue.bury(this.#delivery, effect.reason));
        return;
      case "forget":
        this.#chunks.forget();
        return;
      case "shelve":
        this.#shelve();
        return;
      default:
        unreachable(effect);
    }
  }

  #shelve(): void {
    const { generation, task } = this.#job;
    if (this.#request === null) this.#chunks.forget();
    else this.#desk.shelf.put(task, { generation, chunks: this.#chunks, request: this.#request });
  }

  #start(): void {
    const request = this.#request;
    if (request === null) return;
    const { engine, telemetry } = this.#desk;
    void generate({
      ...{ engine, request, chunks: this.#chunks, signal: this.#stop.signal },
      tell: (event) => {
        if (event.type === "end") this.#engineSpan?.end("ok");
        if (event.type === "fail") {
          this.#engineSpan?.set({ "error.type": event.failure.reason });
          this.#engineSpan?.end("error");
          telemetry.log.warn("worker.engine_failed", { task: request.task, reason: event.failure.reason });
        }
        this.tell(event);
      },
      room: () =>
        new Promise((resolve) => {
          this.#roomMade = resolve;
        }),
    });
  }

  #ended(): void {
    clearInterval(this.#heartbeat);
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    if (this.#retry !== null) clearTimeout(this.#retry);
    const status = this.#job.phase === "lost" ? "error" : "ok";
    this.#engineSpan?.end(status);
    this.#span.set({ "bailiwick.worker.outcome": this.#job.phase });
    this.#span.end(status);
    this.#desk.ended(this);
  }
}
