import { TenantId } from "../contracts/ids.ts";
import { LIMITS } from "../contracts/limits.ts";
import type { JobQueue, OutgoingJob } from "../contracts/ports/job-queue.ts";

/** What XML 1.0, and therefore SQS, does not take. */
const REFUSED = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;
const REFUSED_ALL = new RegExp(REFUSED, "gu");
const TRACEPARENT_CHARS_MAX = 64;

/** @throws RangeError for what some queue would not take, whichever it is, so that no job fits one cell only. */
export function checkOutgoing({ body, tenant, traceparent }: OutgoingJob): void {
  checkBody(body);
  if (!TenantId.safeParse(tenant).success) throw new RangeError("a job has a tenant");
  if (traceparent.length > TRACEPARENT_CHARS_MAX || !/^[0-9a-f-]*$/.test(traceparent))
    throw new RangeError("a job has a trace context");
}

/** @throws RangeError as `checkOutgoing`. */
export function checkBody(body: string): void {
  const bytes = new TextEncoder().encode(body).length;
  if (bytes === 0 || bytes > LIMITS.queueMessageBytesMax)
    throw new RangeError(`a job's body has 1 to ${LIMITS.queueMessageBytesMax} bytes, not ${bytes}`);
  if (REFUSED.test(body)) throw new RangeError("a job's body has a character that queues refuse");
}

/** @throws RangeError for a visibility that SQS has not: 0 to 12 hours. */
export function checkVisibility(visibilityMs: number, min: 0 | 1): number {
  if (!Number.isInteger(visibilityMs) || visibilityMs < min || visibilityMs > LIMITS.queueVisibilityMsMax)
    throw new RangeError(`a job is hidden for ${min} to ${LIMITS.queueVisibilityMsMax} ms`);
  return visibilityMs;
}

/** Bounds of one receive: asking for more jobs or a longer wait than a queue gives is no mistake. */
export function receiveBounds(options: Parameters<JobQueue["receive"]>[1]) {
  const { max, wait_ms: waitMs, visibility_ms: visibilityMs } = options;
  if (!Number.isInteger(max) || max < 1) throw new RangeError("at least one job is received");
  if (!Number.isInteger(waitMs) || waitMs < 0) throw new RangeError("a wait is 0 ms or longer");
  return {
    max: Math.min(max, LIMITS.queueReceiveJobsMax),
    waitMs: Math.min(waitMs, LIMITS.queueWaitMsMax),
    visibilityMs: checkVisibility(visibilityMs, 1),
  };
}

/** @throws RangeError for a page that no queue answers. */
export function checkPage(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.pageItemsMax)
    throw new RangeError(`a page has 1 to ${LIMITS.pageItemsMax} jobs`);
  return limit;
}

/** A reason as every queue keeps it: short, of permitted characters, never empty. */
export function cleanReason(reason: string): string {
  const text = reason.toWellFormed().replace(REFUSED_ALL, " ").trim();
  // Cut between characters, never inside one.
  return [...text].slice(0, LIMITS.queueReasonCharsMax).join("") || "unspecified";
}
