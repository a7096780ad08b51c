/** Two classes per pool; interactive work is received first, batch work is never starved. */
export const QUEUE_CLASSES = ["interactive", "batch"] as const;
export type QueueClass = (typeof QUEUE_CLASSES)[number];

export interface QueueName {
  pool: string;
  class: QueueClass;
}

export interface OutgoingJob {
  queue: QueueName;
  /** The message text, at most `queueMessageBytesMax`. */
  body: string;
  /** Whose turn it uses up: tenants of one class are served in turn. */
  tenant: string;
  /** W3C trace context of whoever sent it. */
  traceparent: string;
}

export interface ReceivedJob {
  queue: QueueName;
  /** Stable over deliveries. */
  id: string;
  body: string;
  /** Names this delivery; a later delivery of the same job has another. */
  receipt: string;
  /** Deliveries so far, this one included; a backstop, not a count of runs. */
  deliveries: number;
  sent_ms: number;
  /** Trace context of whoever sent it, empty when the queue lost it. */
  traceparent: string;
}

export interface DeadJob {
  id: string;
  queue: QueueName;
  body: string;
  /** Why it was given up. */
  reason: string;
  dead_ms: number;
  /** When it was sent, and how often it was delivered before; null where the queue lost that. */
  sent_ms: number | null;
  deliveries: number | null;
}

export interface QueueDepth {
  ready: number;
  in_flight: number;
  dead: number;
  /** Age of the oldest ready job, null where the queue does not tell. */
  oldest_ms: number | null;
}

/**
 * Jobs at least once, in any order, duplicates possible at any time; retention at least 4 days, dead letters 14. Rejects
 * with `JobQueueUnavailable`; a send that rejected may have happened.
 */
export interface JobQueue {
  readonly placement: { technology: "sqs" | "sqlite"; jurisdiction: string };
  send(job: OutgoingJob): Promise<void>;
  /** Waits up to `wait_ms` for at most `max` jobs; those received are invisible for `visibility_ms`. */
  receive(
    queue: QueueName,
    options: { max: number; wait_ms: number; visibility_ms: number; signal?: AbortSignal },
  ): Promise<ReceivedJob[]>;
  /** From now on, invisible for so long; 0 gives it back. False when the delivery is not in force any more. */
  extend(job: ReceivedJob, visibility_ms: number): Promise<boolean>;
  /** The job is done. Deleting twice, or late, is a no-op. */
  remove(job: ReceivedJob): Promise<void>;
  /** Gives the job up, with its reason, into the pool's dead letters. */
  bury(job: ReceivedJob, reason: string): Promise<void>;
  depth(queue: QueueName): Promise<QueueDepth>;
  /** Oldest first; `after` is the id that ended the previous page where the queue can page, else ignored. */
  dead(queue: QueueName, page: { after: string | null; limit: number }): Promise<DeadJob[]>;
  /** One dead job; null when it is not there. */
  deadLetter(queue: QueueName, id: string): Promise<DeadJob | null>;
  /** Sends a dead job again under its own body, or the given one; false when it is not there. */
  redrive(queue: QueueName, id: string, body?: string): Promise<boolean>;
  /** Forgets a dead job; false when it is not there. */
  purge(queue: QueueName, id: string): Promise<boolean>;
  /** Forgets those of the dead jobs that are there, in one look; answers how many. */
  purgeAll(queue: QueueName, ids: readonly string[]): Promise<number>;
  close(): Promise<void>;
}

export class JobQueueUnavailable extends Error {
  override readonly name = "JobQueueUnavailable";
  readonly retryable = true;
}
