import { LIMITS } from "../contracts/limits.ts";
import type { Clock } from "../contracts/ports/clock.ts";
import { type JobQueue, JobQueueUnavailable, type OutgoingJob } from "../contracts/ports/job-queue.ts";
import { Bell } from "./bell.ts";
import { checkBody, checkOutgoing, checkPage, checkVisibility, cleanReason, receiveBounds } from "./bounds.ts";
import { queueKey } from "./names.ts";
import { buryJob, deadJob, deadJobs, depthOf, purgeJob, redriveJob } from "./sqlite-dead.ts";
import { SqliteFile } from "./sqlite-file.ts";
import { glance, hideJob, insertJob, removeJob, takeJobs } from "./sqlite-jobs.ts";
import { migrateQueue } from "./sqlite-tables.ts";

export interface SqliteJobQueueOptions {
  /** The file, shared by the processes of one machine; never on a network file system. */
  path: string;
  clock: Clock;
  jurisdiction: string;
}

interface Sending {
  job: OutgoingJob;
  done: () => void;
  failed: (cause: unknown) => void;
}

/**
 * `JobQueue` in one SQLite file. A send resolves once it is on disk; deliveries and removals need not be, because a power
 * cut then only delivers again. Tenants of one queue are served in turn: a tenant's next job is among the next k, where k
 * counts the tenants with a ready job.
 */
export async function sqliteJobQueue({ path, clock, jurisdiction }: SqliteJobQueueOptions): Promise<JobQueue> {
  const file = await SqliteFile.open(path, migrateQueue);
  const bell = new Bell(() => file.othersVersion(), LIMITS.queueLookMs);
  let sending: Sending[] = [];
  let closed = false;

  /** What was sent in one tick is one transaction and one sync. */
  async function flush(): Promise<void> {
    const group = sending;
    sending = [];
    try {
      await file.write("sending a job", () => {
        for (const { job } of group) insertJob(file, clock.now(), job);
      });
      bell.ring();
      // If the power fails here, none of these was acknowledged; if only this process ends, they are all there.
      await file.durable("sending a job");
      for (const { done } of group) done();
    } catch (cause) {
      for (const { failed } of group) failed(cause);
    }
  }

  /** A change that somebody was told of: on disk before it resolves. */
  async function told<T>(what: string, work: () => T): Promise<T> {
    const value = await file.write(what, work);
    bell.ring();
    await file.durable(what);
    return value;
  }

  return {
    placement: { technology: "sqlite", jurisdiction },

    async send(job) {
      queueKey(job.queue);
      checkOutgoing(job);
      if (closed) throw new JobQueueUnavailable("the queue is closed");
      const copy = { ...job, queue: { ...job.queue } };
      return new Promise<void>((done, failed) => {
        if (sending.push({ job: copy, done, failed }) === 1) queueMicrotask(() => void flush());
      });
    },

    async receive(queue, options) {
      const { max, waitMs, visibilityMs } = receiveBounds(options);
      const until = performance.now() + waitMs;
      for (;;) {
        if (options.signal?.aborted) return [];
        const rung = bell.rung;
        const { ready, lapse_ms: lapseMs } = await file.read("receiving", () => glance(file, queue));
        const lapseIn = lapseMs === null ? Number.POSITIVE_INFINITY : lapseMs - clock.now();
        // Reading needs no lock: only who sees something to take asks for it.
        if (ready || lapseIn <= 0) {
          const jobs = await file.write("receiving", () =>
            options.signal?.aborted ? [] : takeJobs(file, clock.now(), queue, { max, visibilityMs }),
          );
          if (jobs.length > 0) return jobs;
        }
        const leftMs = until - performance.now();
        if (leftMs <= 0) return [];
        await bell.wait(lapseIn > 0 ? Math.min(leftMs, lapseIn) : leftMs, rung, options.signal);
        if (closed) return [];
      }
    },

    async extend({ receipt }, visibilityMs) {
      checkVisibility(visibilityMs, 0);
      const held = await file.write("extending", () => hideJob(file, clock.now(), receipt, visibilityMs));
      if (visibilityMs === 0) bell.ring();
      return held;
    },

    remove: ({ receipt }) => file.write("removing a job", () => removeJob(file, receipt)),
    bury: ({ receipt }, reason) =>
      told("burying a job", () => buryJob(file, clock.now(), receipt, cleanReason(reason))),
    depth: (queue) => file.read("counting jobs", () => depthOf(file, clock.now(), queue)),
    async dead(queue, { after, limit }) {
      const page = { after, limit: checkPage(limit) };
      return file.read("reading dead letters", () => deadJobs(file, clock.now(), queue, page));
    },
    deadLetter: (queue, id) => file.read("reading a dead letter", () => deadJob(file, clock.now(), queue, id)),
    redrive: async (queue, id, body) => {
      if (body !== undefined) checkBody(body);
      return told("redriving a job", () => redriveJob(file, clock.now(), queue, id, body));
    },
    purgeAll: (queue, ids) =>
      told("purging jobs", () => ids.filter((id) => purgeJob(file, clock.now(), queue, id)).length),
    purge: (queue, id) => told("purging a job", () => purgeJob(file, clock.now(), queue, id)),

    async close() {
      closed = true;
      bell.ring();
      await file.close();
    },
  };
}
