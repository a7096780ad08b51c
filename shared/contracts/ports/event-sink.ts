import type { OutboxRow } from "./tenant-store.ts";

/** Where a durable object's outbox goes. At least once: the receiver drops what it has seen. */
export interface EventSink {
  /**
   * Rows of one tenant in order of `seq`, at most `LIMITS.outboxBatchMax`. All of them are durable when it resolves;
   * when it rejects nothing is known and the same rows are sent again. An unknown `type` is kept, never dropped.
   * `behind`: how many entries of the tenant wait behind these rows, where the sender knows it.
   */
  deliver(tenant: string, rows: readonly OutboxRow[], behind?: number): Promise<void>;
}
