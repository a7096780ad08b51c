import { ObjectStoreRefused, ObjectStoreUnavailable } from "../../../shared/contracts/ports/object-store.ts";

/** Refusals that pass: clocks, sessions, rates, and writes that met. */
const PASSING = new Set([
  "ConditionalRequestConflict",
  "ExpiredToken",
  "InternalError",
  "OperationAborted",
  "RequestTimeout",
  "RequestTimeTooSkewed",
  "ServiceUnavailable",
  "SlowDown",
  "ThrottlingException",
  "TooManyRequestsException",
]);

/** Status and code of an answer of S3's that is an error; null for what never became an answer. */
export function s3Error(cause: unknown): { status: number; code: string } | null {
  if (!(cause instanceof Error) || !("$metadata" in cause)) return null;
  const metadata = cause.$metadata;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return null;
  const { httpStatusCode } = metadata;
  return typeof httpStatusCode === "number" ? { status: httpStatusCode, code: cause.name } : null;
}

/** The port's error for whatever went wrong in a call. */
export function s3Fault(what: string, cause: unknown): unknown {
  if (
    cause instanceof ObjectStoreUnavailable ||
    cause instanceof ObjectStoreRefused ||
    cause instanceof RangeError ||
    !(cause instanceof Error)
  )
    return cause;
  const answer = s3Error(cause);
  if (answer === null || answer.status >= 500 || answer.status === 429 || PASSING.has(answer.code))
    return new ObjectStoreUnavailable(
      `${what}: ${answer ? `${answer.status} ${answer.code}` : `no answer, ${cause.message}`}`,
      {
        cause,
      },
    );
  return new ObjectStoreRefused(`${what}: ${answer.status} ${answer.code}`, { cause });
}

/** Nothing is stored under this key or version. A delete marker answers 405, a version that is none 400. */
export function isAbsent(cause: unknown, version: string | undefined): boolean {
  const answer = s3Error(cause);
  if (answer === null || answer.code === "NoSuchBucket") return false;
  return answer.status === 404 || (version !== undefined && (answer.status === 400 || answer.status === 405));
}
