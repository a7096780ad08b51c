import {
  type DeadJob,
  type JobQueue,
  JobQueueUnavailable,
  type OutgoingJob,
  type QueueDepth,
  type QueueName,
  type ReceivedJob,
} from "../../../shared/contracts/ports/job-queue.ts";
import { remotePort } from "../world/network.ts";
import type { Process, World } from "../world/world.ts";

interface Held {
  id: string;
  job: OutgoingJob;
  sentMs: number;
  visibleMs: number;
  receipt: string;
  deliveries: number;
}

/** Share of the sends that arrive twice, and of the receives that show what somebody else has in hand. */
const TWICE = 0.08;
const DUPLICATE = { usual: 0.06, slow: 0.25 } as const;

/** A queue as SQS is one: at least once, in any order, duplicates inside the visibility timeout too. */
export class SimulatedQueue implements JobQueue {
  readonly placement = { technology: "sqs", jurisdiction: "local" } as const;
  readonly #world: World;
  readonly #duplicate: number;
  readonly #held = new Map<string, Held>();
  readonly graves: DeadJob[] = [];
  /** When each message was sent, by its text. */
  readonly sentMs = new Map<string, number[]>();
  #ids = 0;
  #wakes: (() => void)[] = [];

  constructor(world: World, slow: boolean) {
    this.#world = world;
    this.#duplicate = slow ? DUPLICATE.slow : DUPLICATE.usual;
  }

  /** Messages that nobody removed yet. */
  get size(): number {
    return this.#held.size;
  }
  get buried(): readonly DeadJob[] {
    return this.graves;
  }
  bodies(): string[] {
    return [...this.#held.values()].map(({ job }) => job.body);
  }

  async send(job: OutgoingJob): Promise<void> {
    const { random, faults } = this.#world;
    this.sentMs.set(job.body, [...(this.sentMs.get(job.body) ?? []), this.#world.now()]);
    for (let times = faults && random.chance(TWICE) ? 2 : 1; times > 0; times--) {
      const id = `m${++this.#ids}`;
      const now = this.#world.now();
      this.#held.set(id, { id, job, sentMs: now, visibleMs: now, receipt: "", deliveries: 0 });
    }
    for (const wake of this.#wakes.splice(0)) wake();
  }

  async receive(
    queue: QueueName,
    { max, wait_ms, visibility_ms }: { max: number; wait_ms: number; visibility_ms: number },
  ): Promise<ReceivedJob[]> {
    const until = this.#world.now() + wait_ms;
    for (;;) {
      const jobs = this.#take(queue, max, visibility_ms);
      const left = until - this.#world.now();
      if (jobs.length > 0 || left <= 0) return jobs;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          resolve();
        };
        // Visibility ends by itself.
        const timer = setTimeout(wake, Math.min(left, this.#untilShown()));
        this.#wakes.push(wake);
      });
    }
  }

  #untilShown(): number {
    const now = this.#world.now();
    const shown = [...this.#held.values()].map(({ visibleMs }) => visibleMs).filter((ms) => ms > now);
    return Math.max(1, Math.min(...shown, Number.MAX_SAFE_INTEGER) - now);
  }

  #take(queue: QueueName, max: number, visibilityMs: number): ReceivedJob[] {
    const { random } = this.#world;
    const now = this.#world.now();
    const shown = [...this.#held.values()].filter(
      ({ job, visibleMs }) =>
        job.queue.pool === queue.pool &&
        job.queue.class === queue.class &&
        (visibleMs <= now || (this.#world.faults && random.chance(this.#duplicate))),
    );
    const jobs: ReceivedJob[] = [];
    while (jobs.length < max && shown.length > 0) {
      const [held] = shown.splice(random.below(shown.length), 1);
      if (!held) break;
      held.visibleMs = now + visibilityMs;
      held.receipt = `${held.id}.${++held.deliveries}`;
      const { id, job, receipt, deliveries, sentMs } = held;
      jobs.push({ ...{ queue: job.queue, id, body: job.body, receipt, deliveries }, sent_ms: sentMs, traceparent: "" });
    }
    return jobs;
  }

  async extend(job: ReceivedJob, visibility_ms: number): Promise<boolean> {
    const held = this.#held.get(job.id);
    if (held === undefined || held.receipt !== job.receipt) return false;
    held.visibleMs = this.#world.now() + visibility_ms;
    return true;
  }
  async remove(job: ReceivedJob): Promise<void> {
    this.#held.delete(job.id);
  }
  async bury(job: ReceivedJob, reason: string): Promise<void> {
    if (!this.#held.delete(job.id)) return;
    const { id, queue, body, sent_ms, deliveries } = job;
    this.graves.push({ ...{ id, queue, body, reason, sent_ms, deliveries }, dead_ms: this.#world.now() });
  }
  async depth(queue: QueueName): Promise<QueueDepth> {
    const now = this.#world.now();
    const of = ({ pool, class: name }: QueueName): boolean => pool === queue.pool && name === queue.class;
    const held = [...this.#held.values()].filter(({ job }) => of(job.queue));
    const ready = held.filter(({ visibleMs }) => visibleMs <= now);
    const oldest = Math.min(...ready.map(({ sentMs }) => sentMs));
    return {
      ...{ ready: ready.length, in_flight: held.length - ready.length },
      ...{ dead: this.graves.filter((grave) => of(grave.queue)).length },
      oldest_ms: ready.length === 0 ? null : now - oldest,
    };
  }
  async dead(): Promise<DeadJob[]> {
    return [...this.graves];
  }
  async deadLetter(_queue: QueueName, id: string): Promise<DeadJob | null> {
    return this.graves.find((dead) => dead.id === id) ?? null;
  }
  async redrive(): Promise<boolean> {
    return false;
  }
  async purge(): Promise<boolean> {
    return false;
  }
  async purgeAll(): Promise<number> {
    return 0;
  }
  async close(): Promise<void> {}
}

/** The queue as another process reaches it. */
export function queueFor(world: World, queue: SimulatedQueue, keeper: Process): JobQueue {
  const remote = remotePort<Omit<JobQueue, "placement">>(world, queuePath, () => ({ process: keeper, port: queue }));
  return {
    placement: queue.placement,
    send: (job) => remote.send(job),
    receive: (name, { max, wait_ms, visibility_ms }) => remote.receive(name, { max, wait_ms, visibility_ms }),
    extend: (job, ms) => remote.extend(job, ms),
    remove: (job) => remote.remove(job),
    bury: (job, reason) => remote.bury(job, reason),
    depth: (name) => remote.depth(name),
    dead: (name, page) => remote.dead(name, page),
    deadLetter: (name, id) => remote.deadLetter(name, id),
    redrive: (name, id) => remote.redrive(name, id),
    purge: (name, id) => remote.purge(name, id),
    purgeAll: (name, ids) => remote.purgeAll(name, ids),
    close: () => remote.close(),
  };
}

export const queuePath = {
  ...{ name: "queue", lost: 0.02, slow: 0.04 },
  failure: (why: string) => new JobQueueUnavailable(why),
};
