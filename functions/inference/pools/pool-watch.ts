import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { PoolReport, PoolState, PoolWorkerReport, QueueSample } from "../../../shared/contracts/pool-load.ts";
import type { CellStore } from "../../../shared/contracts/ports/cell-store.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import {
  type JobQueue,
  QUEUE_CLASSES,
  type QueueClass,
  type QueueName,
} from "../../../shared/contracts/ports/job-queue.ts";
import type { Telemetry } from "../../../shared/contracts/ports/telemetry.ts";
import type { Ahead } from "./wait.ts";

export interface PoolWatchParts {
  cellStore: Pick<CellStore, "poolReport" | "pools">;
  /** Null in a cell without queues: load is known, depths are not. */
  queue: Pick<JobQueue, "depth"> | null;
  /** Every pool of the configuration in force. */
  names(): readonly string[];
  clock: Clock;
  telemetry: Pick<Telemetry, "log">;
  defer(work: Promise<unknown>): void;
  /** The cell is about to end: its object may be gone before the last word, and forgets this edge by itself. */
  draining(): boolean;
  pause(ms: number): Promise<void>;
}

/** Where a question is under way, its answer is looked for as often. */
const NEXT_LOOK_MS = 10;
const NEVER_MS = Number.NEGATIVE_INFINITY;

/** What this edge read last. */
interface View {
  states: readonly PoolState[];
  readMs: number;
  /** The question that it answers. */
  question: number;
}

/**
 * What an edge knows of the cell's pools. It tells the cell's object what the connections that it holds say, and plans with
 * what the object answers, at most `poolViewMs` old while the object answers, with one question under way. Jobs that were
 * sent since the queues were looked at are added, so that a burst does not pass between two looks.
 */
export class PoolWatch {
  readonly #parts: PoolWatchParts;
  /** Reports of connections here that the object has not taken yet. */
  readonly #told = new Map<string, PoolWorkerReport>();
  readonly #gone = new Set<string>();
  /** Who waits until the object knows of a connection. */
  readonly #waiting = new Map<string, () => void>();
  /** Shapes of the connections here, to tell a change from a mere renewal. */
  readonly #shapes = new Map<string, string>();
  /** Changes so far: a worker came, left, or serves something else. */
  #changes = 0;
  /** Changes that are in what was read; with fewer than all of them it says too little. */
  #seen = 0;
  #view: View | null = null;
  /** The question under way. On workerd one that its request took along never ends: it counts for a report's interval. */
  #asking: { sinceMs: number } | null = null;
  /** Questions begun so far, the newest that has ended, and when the last one began. */
  readonly #questions = { begun: 0, ended: 0, lastMs: 0 };
  /** Tasks sent since the last look at their queue. */
  readonly #sent = new Map<string, Set<string>>();
  /** Queues that did not answer when they were looked at last, and when that was. */
  readonly #away = new Map<string, number>();

  constructor(parts: PoolWatchParts) {
    this.#parts = parts;
  }

  /** A connection's newest word. Never throws. */
  report(report: PoolWorkerReport): void {
    this.#told.set(report.id, report);
    const { ready, concurrency, models } = report;
    const shape = JSON.stringify({ ready, concurrency, models });
    if (this.#shapes.get(report.id) !== shape) this.#changes++;
    this.#shapes.set(report.id, shape);
    this.#tell();
  }

  /** Over once the cell's object knows what the connection said, or the connection is gone. Never rejects. */
  async known(id: string): Promise<void> {
    if (this.#told.has(id)) await new Promise<void>((resolve) => this.#waiting.set(id, resolve));
  }

  /** The connection takes no more work. Never throws. */
  gone(id: string): void {
    this.#told.delete(id);
    this.#taken(id);
    if (!this.#shapes.delete(id)) return;
    if (this.#gone.size < LIMITS.poolWorkersMax) this.#gone.add(id);
    this.#changes++;
    this.#tell();
  }

  /** A task's job goes to the queue from here; what does not get there counts until the next look. */
  sent(queue: QueueName, task: string): void {
    const key = keyOf(queue);
    const sent = this.#sent.get(key) ?? new Set();
    this.#sent.set(key, sent);
    // Of a queue that does not answer for long: so many are in front of anybody's patience.
    if (sent.size < LIMITS.poolSentMax) sent.add(task);
  }

  /** How many, not counting the task that asks: one that is planned anew does not stand in its own way. */
  sentTo(pool: string, asking: string | null): Ahead {
    const of = (queueClass: QueueClass) => {
      const sent = this.#sent.get(keyOf({ pool, class: queueClass }));
      return sent === undefined ? 0 : sent.size - (asking !== null && sent.has(asking) ? 1 : 0);
    };
    return { interactive: of("interactive"), batch: of("batch") };
  }

  /** What was read last, however old; empty before anything was. */
  get last(): readonly PoolState[] {
    return this.#view?.states ?? [];
  }

  /** Pools as calls are planned with them; null where the object does not answer and what was read is too old to say. */
  async states(): Promise<readonly PoolState[] | null> {
    const age = this.#age();
    if (
      this.#seen === this.#changes &&
      (age <= LIMITS.poolViewMs || (this.#isAsking() && age <= LIMITS.poolReportMsMax))
    )
      return this.last;
    try {
      return await this.#ask();
    } catch (cause) {
      this.#parts.telemetry.log.error("pools.unread", cause);
      return this.#age() <= LIMITS.poolReportMsMax ? this.last : null;
    }
  }

  /**
   * What the cell knows, as of now or later, before a call is refused on an older view; null where the object does not say.
   * All who ask meanwhile share one question, `poolRefusalEveryMs` behind the one before.
   */
  async newer(): Promise<readonly PoolState[] | null> {
    const { clock, pause, telemetry } = this.#parts;
    const { begun } = this.#questions;
    const untilMs = clock.now() + LIMITS.poolRefusalWaitMsMax;
    while (this.#answered <= begun && this.#questions.ended <= begun && clock.now() < untilMs) {
      const restMs = this.#questions.lastMs + LIMITS.poolRefusalEveryMs - clock.now();
      if (this.#isAsking() || restMs > 0) await pause(Math.max(restMs, NEXT_LOOK_MS));
      else await this.#ask().catch((cause: unknown) => telemetry.log.error("pools.unread", cause));
    }
    return this.#answered > begun ? this.last : null;
  }

  /** Pools with their queues as they are now. Rejects where the object does not answer. */
  look(): Promise<readonly PoolState[]> {
    return this.#ask(0);
  }

  /** The newest question that has an answer. */
  get #answered(): number {
    return this.#view?.question ?? 0;
  }

  #age(): number {
    return this.#view === null ? Number.POSITIVE_INFINITY : this.#parts.clock.now() - this.#view.readMs;
  }

  #isAsking(): boolean {
    return this.#asking !== null && this.#parts.clock.now() - this.#asking.sinceMs < LIMITS.workerLoadEveryMs;
  }

  /** Tells what is new, one call at a time; what did not arrive goes with the next word. */
  #tell(): void {
    if (this.#isAsking()) return;
    const { defer, draining, telemetry } = this.#parts;
    defer(
      this.#ask().catch((cause: unknown) => {
        if (draining()) telemetry.log.info("pools.untold", { draining: true });
        else telemetry.log.error("pools.untold", cause);
      }),
    );
  }

  /** Tells what is untold, looks at queues whose sample is older than `sampleMs`, and keeps what the object answers. */
  async #ask(sampleMs: number = LIMITS.poolViewMs): Promise<readonly PoolState[]> {
    const { cellStore, clock } = this.#parts;
    const asking = this.#isAsking() ? null : { sinceMs: clock.now() };
    this.#asking = asking ?? this.#asking;
    const question = ++this.#questions.begun;
    this.#questions.lastMs = clock.now();
    let answered = false;
    try {
      const [told, gone, changes] = [[...this.#told.values()], [...this.#gone], this.#changes];
      const news = told.length > 0 || gone.length > 0;
      let states = news ? await cellStore.poolReport({ workers: told, gone, queues: [] }) : await cellStore.pools();
      this.#keep({ states, question, readMs: clock.now() }, changes);
      for (const report of told) {
        if (this.#told.get(report.id) !== report) continue;
        this.#told.delete(report.id);
        this.#taken(report.id);
      }
      for (const id of gone) this.#gone.delete(id);
      const queues = await this.#sample(states, clock.now() - sampleMs);
      if (queues.length > 0)
        states = await cellStore.poolReport({ workers: [], gone: [], queues } satisfies PoolReport);
      this.#keep({ states, question, readMs: clock.now() }, changes);
      answered = true;
      return states;
    } finally {
      this.#questions.ended = Math.max(this.#questions.ended, question);
      if (this.#asking === asking) this.#asking = null;
      // Said meanwhile: nobody else would tell it before the next word.
      if (asking !== null && answered && (this.#told.size > 0 || this.#seen < this.#changes)) this.#tell();
    }
  }

  /** An answer that is older than what was read meanwhile says nothing new. */
  #keep(view: View, changes: number): void {
    if (changes < this.#seen || view.question < this.#answered) return;
    this.#seen = changes;
    this.#view = view;
  }

  #taken(id: string): void {
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
  }

  /**
   * Queues of the pools that nobody has looked at since. One that does not answer keeps its older sample, and is looked at
   * no sooner again than one that does; its absence is told once, and once that it is over.
   */
  async #sample(states: readonly PoolState[], sinceMs: number): Promise<QueueSample[]> {
    const { queue, clock, telemetry, names } = this.#parts;
    if (queue === null) return [];
    const asked = names().flatMap((pool) => QUEUE_CLASSES.map((of): QueueName => ({ pool, class: of })));
    const due = asked.filter((name) => {
      const known = states.find(({ pool }) => pool === name.pool)?.queues.find((one) => one.class === name.class);
      return Math.max(known?.sampled_ms ?? NEVER_MS, this.#away.get(keyOf(name)) ?? NEVER_MS) < sinceMs;
    });
    const looks = due.map(async (name): Promise<QueueSample | null> => {
      const key = keyOf(name);
      const before = [...(this.#sent.get(key) ?? [])];
      try {
        const depth = await queue.depth(name);
        // What was sent before the look is in it.
        for (const task of before) this.#sent.get(key)?.delete(task);
        if (this.#away.delete(key)) telemetry.log.info("pools.queue_back", { pool: name.pool, class: name.class });
        return { ...name, ...depth };
      } catch (cause) {
        const first = !this.#away.has(key);
        this.#away.set(key, clock.now());
        if (first) telemetry.log.warn("pools.queue", { pool: name.pool, class: name.class, cause: String(cause) });
        return null;
      }
    });
    return (await Promise.all(looks)).filter((sample) => sample !== null);
  }
}

const keyOf = ({ pool, class: of }: QueueName): string => `${pool}/${of}`;
