import type { QueueClass } from "./ports/job-queue.ts";

/** What one connected worker of a pool says about itself. */
export interface PoolWorkerReport {
  /** Of its connection; a worker that reconnects has another. */
  id: string;
  pool: string;
  worker: string;
  ready: boolean;
  running: number;
  /** Requests that wait inside its engine. */
  waiting: number;
  concurrency: number;
  /** Mean time from lease to settlement of its recent tasks; null before the first one. */
  service_ms: number | null;
  /** Exact model ids that it serves, with the digest of their weights where it is known. */
  models: readonly { id: string; digest: string | null }[];
}

/** One queue of a pool as it was looked at. */
export interface QueueSample {
  pool: string;
  class: QueueClass;
  ready: number;
  in_flight: number;
  dead: number;
  /** Age of the oldest ready job; null where the queue does not tell. */
  oldest_ms: number | null;
}

/** What an edge tells the cell about pools: reports of the connections that it holds, and queues that it looked at. */
export interface PoolReport {
  workers: readonly PoolWorkerReport[];
  /** Connections that are over: forgotten at once. */
  gone: readonly string[];
  queues: readonly QueueSample[];
}

/** What ready workers can do together. */
export interface PoolLoad {
  /** Ready workers. */
  workers: number;
  /** Tasks that they run at once. */
  capacity: number;
  running: number;
  waiting: number;
  /** Mean over workers by their capacity; null before any of them settled a task. */
  service_ms: number | null;
}

/** One pool by the reports that count now. */
export interface PoolState extends PoolLoad {
  pool: string;
  /** Connected workers, ready or not. */
  connected: number;
  /** The same for each model that a ready worker serves; workers of one pool may differ. */
  models: readonly (PoolLoad & { id: string; digest: string | null })[];
  queues: readonly (QueueSample & { sampled_ms: number })[];
}
