import type { CallbackEnd, CallbackProgress, PendingCallback } from "../callback.ts";
import type { TaskId, TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";
import type { RouteRecord } from "../task.ts";
import type { Prices } from "../usage.ts";
import type { OutgoingJob } from "./job-queue.ts";

/** What a detached task is to do, and who is told to do it. */
export interface DetachedTask {
  /** The sealed call; bound to the object `task/<id>/call`. */
  sealed: Uint8Array;
  /** Sent to the queue until that was acknowledged; null: `Runner.carry` carries the task out. */
  job: OutgoingJob | null;
  deadline: UnixMs;
  /** Call and log are kept until then. */
  expires_ms: UnixMs;
  /**
   * Who is told of the end, sealed and bound to the object `task/<id>/callback`; null: nobody. Once the task has ended,
   * `Runner.callback` is called until the callback is not `waiting` any more.
   */
  callback: Uint8Array | null;
  /**
   * The conversation that the task goes on with, by its session: once that is gone, nobody is told what the log tells. Edges
   * of earlier releases do not say.
   */
  session?: string | null;
}

/** Begins the answer: what the operation replied before its first byte. */
export interface LogHead {
  status: number;
  content_type: string;
  /** Whether the bytes are frames of an SSE stream. */
  stream: boolean;
  /** Headers of the answer that its caller is to see. */
  headers: Readonly<Record<string, string>>;
  /** Of a stream: what it costs as far as it was delivered, should nobody be left to end it. */
  meter?: LogMeter;
}

/** By which the delivered part of a stream is charged when its run is lost. */
export interface LogMeter {
  input_tokens: number;
  /** Over all choices. */
  output_tokens_max: number;
  prices: Prices;
  /** The route that was taken. */
  route: RouteRecord | null;
}

/** How a log ended. `failed`: its last frames tell the error; a reader of a stream destroys the connection behind them. */
export type LogEnd = "complete" | "failed";

/** One flush: frames `from` … `from + frames - 1`, counted from 1. */
export interface LogPart {
  from: number;
  frames: number;
  /** Sealed `encodeFrames(…)`, bound to the object `task/<id>/log/<from>`; at most `sqlChunkBytes`. */
  sealed: Uint8Array;
  /** Nobody sees it before the log is closed as `complete`; any other frame behind the seen ones takes its place. */
  unseen?: true;
}

/** Frames that watchers see before they are durable; never stored as such. */
export interface LiveFrames {
  from: number;
  frames: readonly Uint8Array[];
}

/** What a watcher reads, in order, without gaps and without repeats. The head comes with the first frame, or the end. */
export type LogItem =
  | { kind: "head"; head: LogHead }
  | { kind: "part"; part: LogPart }
  | { kind: "live"; live: LiveFrames }
  | { kind: "end"; end: LogEnd };

export interface DetachedState {
  phase: "queued" | "running" | "done";
  head: LogHead | null;
  /** Frames that are durable. */
  frames: number;
  end: LogEnd | null;
  cancel: boolean;
  /** Leases so far. */
  attempts: number;
  deadline: UnixMs;
  /** Whether a worker of a pool carries it out. */
  queued: boolean;
  /** Null when nobody is to be told of its end. */
  callback: CallbackProgress | null;
  /** Of the conversation that it goes on with, or null. Objects of earlier releases do not say. */
  session?: string | null;
}

/** A detached task in somebody's hands, as it stands now. */
export interface LeasedTask extends DetachedState {
  fence: number;
  /** Frames that are kept unseen. */
  unseen: number;
}

export interface LeaseOptions {
  life_ms: number;
  held: boolean;
  holder?: string;
  /** The queue's name of the message that asks: of several about a poisoned task, one is told that it is `exhausted`. */
  message?: string;
}

export type LeaseTaskRefusal =
  | { reason: "not_found" }
  | { reason: "finished" }
  /** It ended because it had been begun too often: its message is poison. */
  | { reason: "exhausted" }
  | { reason: "leased"; retry_after_ms: number };
export type FenceRefusal = { reason: "not_found" } | { reason: "fenced" };
/** Of a callback that is not there, or not `waiting` any more. */
export type CallbackRefusal = { reason: "not_found" } | { reason: "over" };

/**
 * The log of one detached task, in its task's object. One writer by fence; durable before a call resolves, except that
 * `showLog` reaches those who watch at once. A watcher misses nothing and sees nothing twice, whenever it comes.
 */
export interface TaskLog {
  /** Repeated for the same task it changes nothing. */
  detach(tenant: TenantId, task: TaskId, detached: DetachedTask): Promise<void>;
  detached(
    tenant: TenantId,
    task: TaskId,
  ): Promise<Result<DetachedState, { reason: "not_found" } | { reason: "expired" }>>;
  /** The sealed call; it is forgotten with the end of the task. */
  detachedCall(
    tenant: TenantId,
    task: TaskId,
  ): Promise<Result<Uint8Array, { reason: "not_found" } | { reason: "expired" }>>;
  /**
   * Takes the task for `life_ms`, under a fence higher than any before. Whoever gets it ends it, `cancel` or not. `held`: an
   * earlier run is gone on with, so that this is no attempt of its own. `holder` names the process that carries it out,
   * where it is the one that keeps the objects: the lease ends with it.
   */
  leaseTask(tenant: TenantId, task: TaskId, options: LeaseOptions): Promise<Result<LeasedTask, LeaseTaskRefusal>>;
  /** Prolongs the lease, then answers as soon as the task is to be cancelled, at the latest after `wait_ms`. */
  renewTask(
    tenant: TenantId,
    task: TaskId,
    fence: number,
    options: { life_ms: number; wait_ms: number },
  ): Promise<Result<{ cancel: boolean }, FenceRefusal>>;
  /** Gives the lease up before the end: the task is taken up again after `retry_ms`. Not `attempted`: nothing was done. */
  releaseTask(
    tenant: TenantId,
    task: TaskId,
    fence: number,
    options: { retry_ms: number; attempted: boolean },
  ): Promise<Result<null, FenceRefusal>>;
  /** Before the first frame; until there is one, a later head replaces it. Afterwards another head is `fenced`. */
  openLog(tenant: TenantId, task: TaskId, fence: number, head: LogHead): Promise<Result<null, FenceRefusal>>;
  /** Frames behind the first durable one, for those who watch; `appendLog` makes them durable. */
  showLog(tenant: TenantId, task: TaskId, fence: number, live: LiveFrames): Promise<void>;
  /** `from` is the next frame, or behind the unseen ones the next of these; what is seen already is a no-op. */
  appendLog(
    tenant: TenantId,
    task: TaskId,
    fence: number,
    part: LogPart,
  ): Promise<Result<{ cancel: boolean }, FenceRefusal>>;
  /** Ends log and task, after settlement. `complete` shows what was unseen, `failed` drops it. */
  closeLog(tenant: TenantId, task: TaskId, fence: number, end: LogEnd): Promise<Result<null, FenceRefusal>>;
  /** Durable parts behind frame `after`, then what comes, until the end. Cancelling the stream only stops watching. */
  watchLog(
    tenant: TenantId,
    task: TaskId,
    after: number,
  ): Promise<Result<ReadableStream<LogItem>, { reason: "not_found" } | { reason: "expired" } | { reason: "too_many" }>>;
  /** Asks for the end of the task. One that nobody has is ended by `Runner.carry`; a finished one stays as it is. */
  cancelTask(tenant: TenantId, task: TaskId): Promise<Result<DetachedState, { reason: "not_found" }>>;
  callback(tenant: TenantId, task: TaskId): Promise<Result<PendingCallback, CallbackRefusal>>;
  /** Counts a try, before it is made. */
  beginCallback(tenant: TenantId, task: TaskId): Promise<Result<{ attempt: number }, CallbackRefusal>>;
  /** How the try of this number ended. A number that is not the newest one's changes nothing, unless it delivered. */
  endCallback(
    tenant: TenantId,
    task: TaskId,
    attempt: number,
    end: CallbackEnd,
  ): Promise<Result<null, CallbackRefusal>>;
  /** Forgets call and log of a finished task; that it was, stays known. */
  forgetTask(tenant: TenantId, task: TaskId): Promise<Result<null, { reason: "not_found" } | { reason: "running" }>>;
}
