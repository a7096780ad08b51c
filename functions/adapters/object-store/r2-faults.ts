import { ObjectStoreRefused, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";

/** R2's own codes, at the end of a message (its documentation, "Error codes"). */
const NO_SUCH_UPLOAD = 10024;
const LOCKED_BY_BUCKET = 10069;
/** Internal error, service unavailable, connection lost, too many requests. */
const PASSING = new Set([10001, 10043, 10054, 10058]);

function codeOf(cause: unknown): number | null {
  const code = cause instanceof Error ? /\((\d{5})\)\s*$/.exec(cause.message)?.[1] : undefined;
  return code === undefined ? null : Number(code);
}

export const isUploadGone = (cause: unknown): boolean => codeOf(cause) === NO_SUCH_UPLOAD;
export const isLockedByBucket = (cause: unknown): boolean => codeOf(cause) === LOCKED_BY_BUCKET;

/** The port's error for whatever went wrong in a call; what has no code never reached R2 or lost its answer. */
export function r2Fault(what: string, cause: unknown): unknown {
  if (
    cause instanceof ObjectStoreUnavailable ||
    cause instanceof ObjectStoreRefused ||
    cause instanceof RangeError ||
    !(cause instanceof Error)
  )
    return cause;
  const code = codeOf(cause);
  if (code === null || PASSING.has(code)) return new ObjectStoreUnavailable(`${what}: ${cause.message}`, { cause });
  return new ObjectStoreRefused(`${what}: ${cause.message}`, { cause });
}
