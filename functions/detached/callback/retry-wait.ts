import { LIMITS } from "../../../shared/contracts/limits.ts";

/**
 * Milliseconds until the try behind the `attempt`th one: doubled each time, half of it by chance, so that receivers that
 * come back are not met by everybody at once. `retryAfterMs` prolongs it, up to the longest wait. `random` is in [0, 1).
 */
export function retryWait(attempt: number, random: number, retryAfterMs: number | null): number {
  const doubled = Math.min(LIMITS.callbackWaitMsMin * 2 ** (attempt - 1), LIMITS.callbackWaitMsMax);
  const wait = Math.ceil(doubled / 2 + (random * doubled) / 2);
  return Math.min(Math.max(wait, retryAfterMs ?? 0), LIMITS.callbackWaitMsMax);
}

/** The one form of dates that senders write (RFC 9110 §5.6.7). */
const DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** RFC 9110 §10.2.3: seconds, or a date; milliseconds from now. Null for anything else. */
export function retryAfterMs(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
