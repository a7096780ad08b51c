import type { TaskId } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import { unreachable } from "../shared/contracts/result.ts";
import type { ToWorker, WorkerFailure } from "../shared/contracts/worker-protocol.ts";

/*
 *   received ──▶ leasing ──▶ running ──▶ ending ──▶ settled     the message is removed
 *      ▲            │           │          │
 *      │            ├───────────┼──────────┼─────▶ refused     removed, buried, or shown again later
 *      │            │           ├──────────┼─────▶ lost        shown again
 *      └────────────┴───────────┴──────────┘                   the connection broke; the generation goes on
 */
export type JobPhase = "received" | "leasing" | "running" | "ending" | "settled" | "lost" | "refused";

/** Where the engine's answer stands. Its chunks are kept from the first on, or it is not `whole` any more. */
export interface Generation {
  state: "none" | "open" | "ended" | "failed";
  headed: boolean;
  chunks: number;
  whole: boolean;
  failure: WorkerFailure | null;
}

/** One received message and what was done about it. Immutable: `step` answers the next one. */
export interface Job {
  readonly task: TaskId;
  readonly phase: JobPhase;
  /** Leases asked for; names the newest question, so that an answer to an older one is not taken for its. */
  readonly asked: number;
  /** Leases in a row that were refused for now. */
  readonly refusals: number;
  /** Of the lease in force; null outside of `running` and `ending`, so that nothing can be sent there. */
  readonly fence: number | null;
  readonly generation: Readonly<Generation>;
  /** Under this fence: whether the head was sent, the last chunk sent, and the last one that credit allows. */
  readonly headSent: boolean;
  readonly sent: number;
  readonly allowed: number;
}

export type JobEvent =
  | { type: "connected" }
  | { type: "disconnected" }
  | { type: "retry" }
  /** `asked` says which question is answered. */
  | { type: "leased"; asked: number; fence: number; credit: number }
  | { type: "refused"; asked: number; reason: Refusal; retry_after_ms: number | null }
  | { type: "credit"; fence: number; seq: number; credit: number }
  | { type: "cancel"; fence: number }
  | { type: "settled"; fence: number }
  | { type: "lost"; fence: number }
  | { type: "head" }
  | { type: "chunk" }
  | { type: "end" }
  | { type: "fail"; failure: WorkerFailure }
  /** Chunks had to be let go: this generation cannot be offered again. */
  | { type: "overflow" }
  /** The worker leaves. */
  | { type: "give_up" };
type Refusal = Extract<ToWorker, { t: "refused" }>["reason"];

export type JobEffect =
  | { do: "lease"; asked: number; held: boolean }
  | { do: "start" }
  | { do: "stop" }
  | { do: "send_head"; fence: number }
  | { do: "send_chunk"; fence: number; seq: number }
  | { do: "send_end"; fence: number; seq: number }
  | { do: "send_fail"; fence: number; failure: WorkerFailure }
  /** The message is invisible for so long, then anybody may have it. */
  | { do: "hide"; ms: number }
  | { do: "retry"; after_ms: number }
  | { do: "remove" }
  | { do: "bury"; reason: string }
  /** The chunks are not needed any more; `shelve`: they may be, when the message comes again. */
  | { do: "forget" }
  | { do: "shelve" };

export interface Step {
  job: Job;
  effects: JobEffect[];
}

const NOTHING: Generation = { state: "none", headed: false, chunks: 0, whole: true, failure: null };
const CANCELED: WorkerFailure = {
  ...{ reason: "canceled", status: null, message: "canceled", code: null, param: null },
  retry_after_ms: null,
};

/** A job for a message; `shelved` is a whole generation of an earlier run of its task. */
export const newJob = (task: TaskId, shelved: Generation = NOTHING): Job => ({
  ...{ task, phase: "received", asked: 0, refusals: 0, fence: null, generation: shelved },
  ...{ headSent: false, sent: 0, allowed: 0 },
});

export const isOver = ({ phase }: Job): boolean => phase === "settled" || phase === "lost" || phase === "refused";

/**
 * Every decision about one message. Pure: what is to be done comes back as effects, in order. A message is removed only
 * after `settled` or a final refusal; nothing is sent without the fence in force; what is over stays over.
 */
export function step(job: Job, event: JobEvent): Step {
  if (isOver(job)) return { job, effects: [] };
  switch (event.type) {
    case "connected":
      // What was asked while there was no connection was heard by nobody.
      return job.phase === "received" || job.phase === "leasing" ? ask(job) : { job, effects: [] };
    case "retry":
      return job.phase === "received" ? ask(job) : { job, effects: [] };
    case "disconnected":
      return disconnected(job);
    case "leased":
      if (job.phase !== "leasing" || event.asked !== job.asked) return { job, effects: [] };
      return leased(job, event);
    case "refused":
      if (job.phase !== "leasing" || event.asked !== job.asked) return { job, effects: [] };
      return refused(job, event.reason, event.retry_after_ms);
    case "credit":
      if (event.fence !== job.fence) return { job, effects: [] };
      return flush({ ...job, allowed: Math.max(job.allowed, event.seq + event.credit) });
    case "cancel":
      if (event.fence !== job.fence) return { job, effects: [] };
      return canceled(job);
    case "settled":
      if (event.fence !== job.fence) return { job, effects: [] };
      return over(job, "settled", [{ do: "remove" }, { do: "forget" }]);
    case "lost":
      if (event.fence !== job.fence) return { job, effects: [] };
      return lost(job, LIMITS.workerLostRetryMs);
    case "give_up":
      return lost(job, 0);
    case "head":
    case "chunk":
    case "end":
    case "fail":
    case "overflow":
      return made(job, event);
    default:
      return unreachable(event);
  }
}

function ask(job: Job): Step {
  const asked = job.asked + 1;
  const held = job.generation.state !== "none";
  return { job: { ...job, phase: "leasing", asked }, effects: [{ do: "lease", asked, held }] };
}

function disconnected(job: Job): Step {
  if (job.phase === "received") return { job, effects: [] };
  // Without all of its chunks the generation is no use to another run.
  if (!job.generation.whole) return lost(job, LIMITS.workerLostRetryMs);
  return { job: { ...job, phase: "received", fence: null }, effects: [] };
}

function leased(job: Job, { fence, credit }: { fence: number; credit: number }): Step {
  const running: Job = {
    ...job,
    ...{ phase: "running", fence, refusals: 0, headSent: false, sent: 0, allowed: credit },
  };
  if (job.generation.state !== "none") return flush(running);
  const generation: Generation = { ...NOTHING, state: "open" };
  return { job: { ...running, generation }, effects: [{ do: "start" }] };
}

/** Why a message is a dead letter, in the words that operators read. */
const BURIED = {
  exhausted: "begun too often without an end",
  forbidden: "the cell refused it: forbidden",
  invalid: "the cell refused it: invalid",
} as const satisfies Partial<Record<Refusal, string>>;

function refused(job: Job, reason: Refusal, retryAfterMs: number | null): Step {
  switch (reason) {
    case "finished":
    case "canceled":
    case "unknown":
      return over(job, "refused", [{ do: "remove" }, { do: "forget" }]);
    case "exhausted":
    case "forbidden":
    case "invalid":
      // Somebody has to look at it: it ends its workers, is not this worker's, or not a message of ours.
      return over(job, "refused", [{ do: "bury", reason: BURIED[reason] }, { do: "forget" }]);
    case "leased":
    case "later": {
      const ms = Math.max(1, retryAfterMs ?? LIMITS.workerLostRetryMs);
      if (job.generation.state === "none") return over(job, "refused", [{ do: "hide", ms }]);
      // Nobody else has these chunks: it asks again itself, and the message stays hidden by its heartbeat.
      const after_ms = Math.min(ms, LIMITS.workerRetryMsMax);
      return { job: { ...job, phase: "received", refusals: job.refusals + 1 }, effects: [{ do: "retry", after_ms }] };
    }
    default:
      return unreachable(reason);
  }
}

function canceled(job: Job): Step {
  if (job.phase !== "running") return { job, effects: [] };
  const stop: JobEffect[] = job.generation.state === "open" ? [{ do: "stop" }] : [];
  const generation: Generation = { ...job.generation, state: "failed", failure: CANCELED };
  // Nobody waits for the rest: what was made and not sent stays unsent.
  const next = flush({ ...job, generation, allowed: job.sent }, true);
  return { job: next.job, effects: [...stop, ...next.effects] };
}

function made(job: Job, event: Extract<JobEvent, { type: "head" | "chunk" | "end" | "fail" | "overflow" }>): Step {
  const { generation } = job;
  if (generation.state !== "open") return { job, effects: [] };
  const grown = (change: Partial<Generation>): Job => ({ ...job, generation: { ...generation, ...change } });
  switch (event.type) {
    case "head":
      return flush(grown({ headed: true }));
    case "chunk":
      return flush(grown({ chunks: generation.chunks + 1 }));
    case "end":
      return flush(grown({ state: "ended" }));
    case "fail":
      return flush(grown({ state: "failed", failure: event.failure }));
    case "overflow":
      // Without a connection these chunks are all that there is of the run.
      return job.fence === null ? lost(job, LIMITS.workerLostRetryMs) : flush(grown({ whole: false }));
    default:
      return unreachable(event);
  }
}

/** Sends what may be sent now. `short`: the failure does not wait for the chunks before it. */
function flush(job: Job, short = false): Step {
  const { fence, generation } = job;
  if (job.phase !== "running" || fence === null) return { job, effects: [] };
  const effects: JobEffect[] = [];
  if (generation.headed && !job.headSent) effects.push({ do: "send_head", fence });
  let sent = job.sent;
  while (sent < Math.min(generation.chunks, job.allowed)) effects.push({ do: "send_chunk", fence, seq: ++sent });
  const next: Job = { ...job, headSent: job.headSent || generation.headed, sent };
  if (generation.state === "open" || (sent < generation.chunks && !short)) return { job: next, effects };
  if (generation.state === "failed" && generation.failure !== null)
    effects.push({ do: "send_fail", fence, failure: generation.failure });
  else effects.push({ do: "send_end", fence, seq: sent });
  return { job: { ...next, phase: "ending" }, effects };
}

/** Shown again after `ms`; a whole answer that ended is kept, in case this worker gets the message again. */
function lost(job: Job, ms: number): Step {
  const { state, whole } = job.generation;
  return over(job, "lost", [{ do: "hide", ms }, { do: whole && state === "ended" ? "shelve" : "forget" }]);
}

function over(job: Job, phase: "settled" | "lost" | "refused", effects: JobEffect[]): Step {
  const stop: JobEffect[] = job.generation.state === "open" ? [{ do: "stop" }] : [];
  return { job: { ...job, phase, fence: null }, effects: [...stop, ...effects] };
}
