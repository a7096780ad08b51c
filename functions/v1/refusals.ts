import type { ProblemSlug } from "../../shared/contracts/problems.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { ProblemError, StaleAccess } from "../problem.ts";

/** What each store refusal is to the caller; `stale` makes the seam look again. Total over every port's reasons. */
const PROBLEM_OF = {
  unknown_tenant: "stale",
  unknown_credential: "stale",
  stale: "stale",
  ledger_halted: "ledger-halted",
  suspended: "tenant-suspended",
  locked: "tenant-locked",
  not_found: "not-found",
  exists: "already-exists",
  limit: "limit-reached",
  version_conflict: "version-conflict",
  revoked: "limit-reached",
  last_key: "last-key",
  expired: "not-found",
  unavailable: "store-unavailable",
  not_empty: "limit-reached",
  in_use: "limit-reached",
  archived: "limit-reached",
  revision_not_increasing: "revision-not-increasing",
  older_revision: "revision-not-increasing",
} as const satisfies Record<string, ProblemSlug | "stale">;
type Known = keyof typeof PROBLEM_OF;

/** The value, or the refusal as a problem. Throws `ProblemError` or `StaleAccess`. */
export function unwrap<T, E extends { reason: Known; retry_after_ms?: number }>(
  result: Result<T, E>,
  detail?: Partial<Record<E["reason"], string>>,
): T {
  if (result.ok) return result.value;
  const slug = PROBLEM_OF[result.error.reason];
  if (slug === "stale") throw new StaleAccess(result.error.reason);
  const text = detail?.[result.error.reason as E["reason"]]; // safe because: `reason` is of type E["reason"]
  throw new ProblemError(slug, {
    ...(text ? { detail: text } : {}),
    ...(slug === "store-unavailable" ? { retryAfterMs: 1000 } : {}),
    ...(result.error.retry_after_ms === undefined ? {} : { retryAfterMs: result.error.retry_after_ms }),
  });
}
