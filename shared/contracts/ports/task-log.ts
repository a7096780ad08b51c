import type { TaskId, TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";
import type { OutgoingJob } from "./job-queue.ts";

/** What a detached task is to do, and who is told to do it. */
export interface DetachedTask {
  /** The sealed call; bound to the object `task/<id>/call`. */
  sealed: Uint8Array;
  /** Sent to the queue until that was acknowledged; null: the task's own alarm runs it (`Runner.run`). */
  job: OutgoingJob | null;
  deadline: UnixMs;
  /** The log, the call and the result are kept until then. */
  expires_ms: UnixMs;
  /** Called by `Runner.callback` once the task has ended. */
  callback: boolean;
}

/** Begins the answer: what the operation replied before its first byte. */
export interface LogHead {
  status: number;
  content_type: string;
  /** Whether the bytes are frames of an SSE stream. */
  stream: boolean;
  /** Headers of the answer that its caller is to see. */
  headers: Readonly<Record<string, string>>;
}

/** How a log ended. `failed`: its last frames tell the error; a reader destroys the connection behind them. */
export type LogEnd = "complete" | "failed";

/** One flush: frames `from` … `from + frames - 1`. */
export interface LogPart {
  from: number;
  frames: number;
  /** Sealed length-prefixed frames (`shared/contracts/log-frames`), bound to `task/<id>/log/<from>`. */
  sealed: Uint8Array;
}

/** What watchers are sent at once, before it is durable; never stored as such. */
export interface LiveFrames {
  from: number;
  frames: readonly Uint8Array[];
}

/** What a watcher reads, in order and without gaps. */
export type LogItem =
  | { kind: "head"; head: LogHead }
  | { kind: "part"; part: LogPart }
  | { kind: "live"; live: LiveFrames }
  /** A run was lost before anything was delivered; the next one is under way. */
  | { kind: "restarted" }
  | { kind: "end"; end: LogEnd };

export interface DetachedState {
  phase: "queued" | "running" | "finalizing" | "done" | "canceled";
  head: LogHead | null;
  /** Frames that are durable. */
  frames: number;
  end: LogEnd | null;
  cancel: boolean;
  attempts: number;
}

export type FenceRefusal = { reason: "not_found" } | { reason: "fenced" };

/**
 * The log of one detached task, in its task's object. Single writer by fence; durable before a call resolves, except that
 * `live` frames reach those who watch at once. A watcher misses nothing and sees nothing twice, whenever it comes.
 */
export interface TaskLog {
  /** Repeated for the same task it changes nothing. */
  detach(tenant: TenantId, task: TaskId, detached: DetachedTask): Promise<void>;
  /** The sealed call. */
  detached(
    tenant: TenantId,
    task: TaskId,
  ): Promise<Result<{ sealed: Uint8Array; state: DetachedState }, { reason: "not_found" } | { reason: "expired" }>>;
  /** Prolongs a lease of `leaseRun`; `cancel` says that the caller wants the run to end. */
  renewRun(
    tenant: TenantId,
    task: TaskId,
    fence: number,
    life_ms: number,
  ): Promise<Result<{ cancel: boolean }, FenceRefusal>>;
  /** Written once a run; the same head again is a no-op, another one after delivered frames is `fenced`. */
  openLog(tenant: TenantId, task: TaskId, fence: number, head: LogHead): Promise<Result<null, FenceRefusal>>;
  /** Shows frames to those who watch; resolves at once, durable with the next `appendLog`. */
  showLog(tenant: TenantId, task: TaskId, fence: number, live: LiveFrames): Promise<Result<null, FenceRefusal>>;
  appendLog(
    tenant: TenantId,
    task: TaskId,
    fence: number,
    part: LogPart,
  ): Promise<Result<{ cancel: boolean }, FenceRefusal>>;
  /** Ends log and run, after settlement. */
  closeLog(tenant: TenantId, task: TaskId, fence: number, end: LogEnd): Promise<Result<null, FenceRefusal>>;
  /** Durable parts after frame `after`, then what comes, until the end. Cancelling the stream only stops watching. */
  watchLog(
    tenant: TenantId,
    task: TaskId,
    after: number,
  ): Promise<Result<ReadableStream<LogItem>, { reason: "not_found" } | { reason: "expired" }>>;
  /** Asks the run to end; a task that nobody runs yet will never be run. Idempotent; a finished one stays as it is. */
  cancelTask(tenant: TenantId, task: TaskId): Promise<Result<DetachedState, { reason: "not_found" }>>;
  /** Forgets call, log and result; the tombstone stays. */
  forgetTask(tenant: TenantId, task: TaskId): Promise<Result<null, { reason: "not_found" } | { reason: "running" }>>;
}
