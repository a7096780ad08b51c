import type { TaskId, TenantId, UnixMs } from "../ids.ts";
import type { Result } from "../result.ts";
import type { TaskLog } from "./task-log.ts";

/** What a repeated key is answered with: the delivered bytes, sealed under the tenant's data key. */
export interface StoredResult {
  status: number;
  content_type: string;
  /** Whether the bytes are the frames of an SSE stream, replayed frame for frame. */
  stream: boolean;
  sealed: Uint8Array;
  expires_ms: UnixMs;
  /** Of a detached run. */
  fence?: number;
}

/** What a task that waits is to do, sealed under the tenant's data key. */
export interface TaskPayload {
  /** What the bytes are bound to; a task may keep an edited payload beside the first one. */
  digest: string;
  sealed: Uint8Array;
  expires_ms: UnixMs;
  /** Whether `Runner.notify` is to be called, until it succeeds. */
  notify: boolean;
}

/** A run of a waiting task: whoever holds the newest fence runs it, until the lease is over. */
export interface RunLease {
  fence: number;
  /** Leases so far, this one included. */
  attempts: number;
}

/**
 * Results of keyed tasks, and payloads and runs of tasks that wait. One object per task; durable before a call resolves;
 * content only as sealed bytes.
 */
export interface TaskStore extends TaskLog {
  /** The same digest again keeps the first payload. */
  putPayload(tenant: TenantId, task: TaskId, payload: TaskPayload): Promise<void>;
  payload(
    tenant: TenantId,
    task: TaskId,
    digest: string,
  ): Promise<Result<Uint8Array, { reason: "not_found" } | { reason: "expired" }>>;
  /** From now on the task's alarm calls `Runner.run` until the run is finished. Repeated, it changes nothing. */
  startRun(tenant: TenantId, task: TaskId): Promise<Result<null, { reason: "not_found" }>>;
  leaseRun(
    tenant: TenantId,
    task: TaskId,
    life_ms: number,
  ): Promise<
    Result<RunLease, { reason: "not_found" } | { reason: "finished" } | { reason: "leased"; retry_after_ms: number }>
  >;
  /** Ends a lease: for good, which forgets the payload, or for another try after `retry_ms`. */
  endRun(
    tenant: TenantId,
    task: TaskId,
    fence: number,
    end: { done: true } | { done: false; retry_ms: number },
  ): Promise<Result<null, { reason: "not_found" } | { reason: "fenced" }>>;
  /**
   * Writing the same task twice keeps the first result. A detached run's replaces what a lost run kept, which nobody
   * settled; once the run has lost the task its own is not kept.
   */
  putResult(tenant: TenantId, task: TaskId, result: StoredResult): Promise<void>;
  result(
    tenant: TenantId,
    task: TaskId,
  ): Promise<Result<StoredResult, { reason: "not_found" } | { reason: "expired" }>>;
}
