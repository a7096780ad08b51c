/**
 * Every error the cell answers, once. `status`, `title` and the `error.type`/`error.code` that OpenAI SDKs read
 * (WIRE "Errors"); `retry: false` sends `x-should-retry: false` on statuses that SDKs would retry.
 */
interface ProblemSpec {
  status: number;
  title: string;
  type:
    | "invalid_request_error"
    | "authentication_error"
    | "permission_error"
    | "not_found_error"
    | "rate_limit_error"
    | "api_error"
    | "insufficient_quota";
  code: string;
  retry?: false;
}
const problem = (status: number, type: ProblemSpec["type"], code: string, title: string, retry?: false): ProblemSpec =>
  retry === false ? { status, title, type, code, retry } : { status, title, type, code };

export const PROBLEMS = {
  // input
  "invalid-request": problem(400, "invalid_request_error", "invalid_request", "The request is not valid"),
  "malformed-json": problem(400, "invalid_request_error", "malformed_json", "The body is not acceptable JSON"),
  "unsupported-version": problem(
    400,
    "invalid_request_error",
    "unsupported_version",
    "This contract version is not supported",
  ),
  "credential-conflict": problem(
    400,
    "invalid_request_error",
    "credential_conflict",
    "More than one credential was sent",
  ),
  "idempotency-key-invalid": problem(
    400,
    "invalid_request_error",
    "idempotency_key_invalid",
    "The Idempotency-Key header is not valid",
  ),
  "context-length-exceeded": problem(
    400,
    "invalid_request_error",
    "context_length_exceeded",
    "The input is longer than the model accepts",
  ),
  "unsupported-parameter": problem(
    400,
    "invalid_request_error",
    "unsupported_parameter",
    "The model cannot do what a parameter asks",
  ),
  "privacy-loosened": problem(
    400,
    "invalid_request_error",
    "privacy_loosened",
    "A caller may tighten privacy, never loosen it",
  ),
  "label-lowered": problem(400, "invalid_request_error", "label_lowered", "A caller may raise a label, never lower it"),
  "body-too-large": problem(
    413,
    "invalid_request_error",
    "body_too_large",
    "The body is larger than this operation accepts",
  ),
  "request-timeout": problem(408, "invalid_request_error", "request_timeout", "The body did not arrive in time"),
  "unsupported-media-type": problem(
    415,
    "invalid_request_error",
    "unsupported_media_type",
    "The content type or encoding is not accepted",
  ),
  "headers-too-large": problem(
    431,
    "invalid_request_error",
    "headers_too_large",
    "The headers are larger than the cell accepts",
  ),
  "uri-too-long": problem(414, "invalid_request_error", "uri_too_long", "The URL is longer than the cell accepts"),
  "method-not-allowed": problem(405, "invalid_request_error", "method_not_allowed", "This resource has no such method"),
  // identity
  unauthenticated: problem(401, "authentication_error", "invalid_api_key", "No acceptable credential was sent"),
  "insufficient-user-authentication": problem(
    401,
    "authentication_error",
    "insufficient_user_authentication",
    "A stronger sign-in is required",
  ),
  forbidden: problem(403, "permission_error", "forbidden", "Policy does not allow this"),
  "insufficient-scope": problem(403, "permission_error", "insufficient_scope", "The credential lacks a scope"),
  "tenant-suspended": problem(403, "permission_error", "tenant_suspended", "The tenant is suspended"),
  "obligation-failed": problem(
    403,
    "permission_error",
    "obligation_failed",
    "An obligation under which policy allows this could not be met",
  ),
  "tools-forbidden": problem(403, "permission_error", "tools_forbidden", "Policy allows this only without tools"),
  "approval-required": problem(403, "permission_error", "approval_required", "An approval is required first"),
  "not-found": problem(404, "not_found_error", "not_found", "There is no such resource"),
  "model-not-found": problem(404, "not_found_error", "model_not_found", "There is no such model for this caller"),
  "data-residency-mismatch": problem(
    421,
    "invalid_request_error",
    "data_residency_mismatch",
    "This tenant lives in another cell",
  ),
  "forwarding-refused": problem(
    403,
    "permission_error",
    "forwarding_refused",
    "The call says that it was forwarded, and its proof does not hold",
  ),
  "tenant-locked": problem(423, "permission_error", "tenant_locked", "The tenant is under a compliance lock"),
  // state
  "version-conflict": problem(
    409,
    "invalid_request_error",
    "version_conflict",
    "The resource changed meanwhile",
    false,
  ),
  "already-exists": problem(409, "invalid_request_error", "already_exists", "A resource with this name exists", false),
  "move-refused": problem(409, "invalid_request_error", "move_refused", "The tenant cannot be moved this way now"),
  "idempotency-in-progress": problem(
    409,
    "invalid_request_error",
    "idempotency_in_progress",
    "A request with this key is still running",
  ),
  "idempotency-result-expired": problem(
    410,
    "invalid_request_error",
    "idempotency_result_expired",
    "The stored result of this key has expired",
  ),
  "outcome-unknown": problem(
    410,
    "api_error",
    "outcome_unknown",
    "The outcome of the request with this key is unknown; it will not run again",
  ),
  "idempotency-key-reused": problem(
    422,
    "invalid_request_error",
    "idempotency_key_reused",
    "This key was used with another request",
  ),
  "limit-reached": problem(422, "invalid_request_error", "limit_reached", "A limit of the tenant is reached"),
  "last-key": problem(
    409,
    "invalid_request_error",
    "last_key",
    "Nobody could make another key once this one is revoked",
    false,
  ),
  "revision-not-increasing": problem(
    409,
    "invalid_request_error",
    "revision_not_increasing",
    "The revision is not above those that the layer has seen",
    false,
  ),
  "approval-not-pending": problem(
    409,
    "invalid_request_error",
    "approval_not_pending",
    "The approval was decided already, or its time is over",
    false,
  ),
  "approval-digest-mismatch": problem(
    409,
    "invalid_request_error",
    "approval_digest_mismatch",
    "Another request waits than the one that was looked at",
    false,
  ),
  "approval-not-done": problem(409, "invalid_request_error", "approval_not_done", "What is asked for has not run yet"),
  "approval-result-gone": problem(
    410,
    "invalid_request_error",
    "approval_result_gone",
    "There is no result: it did not run, or what it answered is not kept any more",
  ),
  "task-settled": problem(
    409,
    "invalid_request_error",
    "task_settled",
    "The task has ended: what would run again could not be charged again",
    false,
  ),
  "task-forgotten": problem(410, "invalid_request_error", "task_forgotten", "The task is not kept any more"),
  "dead-letter-unreadable": problem(
    422,
    "invalid_request_error",
    "dead_letter_unreadable",
    "This cell did not write the message, or it was for another pool",
  ),
  "evidence-pending": problem(
    409,
    "invalid_request_error",
    "evidence_pending",
    "What is asked for is recorded, and not published yet",
  ),
  "bundle-invalid": problem(
    422,
    "invalid_request_error",
    "bundle_invalid",
    "This is no bundle that may be loaded here",
  ),
  // rate and money
  "rate-limited": problem(429, "rate_limit_error", "rate_limit_exceeded", "Too many requests"),
  throttled: problem(429, "rate_limit_error", "policy_throttled", "Policy limits this"),
  overloaded: problem(429, "rate_limit_error", "overloaded", "The tenant's object is at its ceiling"),
  "budget-exhausted": problem(429, "insufficient_quota", "insufficient_quota", "The budget is exhausted", false),
  "task-budget-too-small": problem(
    400,
    "invalid_request_error",
    "task_budget_exceeded",
    "This request would cost more than a task may",
  ),
  "task-budget-exceeded": problem(
    429,
    "insufficient_quota",
    "task_budget_exceeded",
    "The task reached its hard cost cap",
    false,
  ),
  // execution
  "no-route": problem(503, "api_error", "no_route", "No approved engine is available"),
  "pool-unavailable": problem(503, "api_error", "pool_unavailable", "No worker of the pool is there for this model"),
  "pool-overloaded": problem(429, "rate_limit_error", "pool_overloaded", "The wait for a worker would be too long"),
  "engine-overloaded": problem(429, "rate_limit_error", "engine_overloaded", "The engine takes no more requests now"),
  "upstream-rejected": problem(400, "invalid_request_error", "upstream_rejected", "The engine rejected the request"),
  "upstream-failed": problem(502, "api_error", "upstream_failed", "The engine failed"),
  "upstream-timeout": problem(504, "api_error", "upstream_timeout", "The engine did not answer in time"),
  "deadline-exceeded": problem(504, "api_error", "deadline_exceeded", "The deadline of the request passed"),
  canceled: problem(499, "api_error", "canceled", "The request was cancelled"),
  // cell
  "policy-unavailable": problem(503, "api_error", "policy_unavailable", "Policy cannot be decided now"),
  "store-unavailable": problem(503, "api_error", "store_unavailable", "A store of the cell does not answer"),
  "evidence-unavailable": problem(
    503,
    "api_error",
    "evidence_unavailable",
    "This cell publishes no evidence now: its archive or its signer is missing",
  ),
  "ledger-halted": problem(
    503,
    "api_error",
    "ledger_halted",
    "The tenant's ledger and its archive disagree; nothing is admitted until they agree again",
  ),
  "tenant-moving": problem(503, "api_error", "tenant_moving", "The tenant is moving to another cell"),
  "cell-unavailable": problem(503, "api_error", "cell_unavailable", "The cell of this tenant does not answer"),
  draining: problem(503, "api_error", "draining", "The cell is shutting down"),
  misconfigured: problem(503, "api_error", "misconfigured", "The cell is not configured"),
  internal: problem(500, "api_error", "internal_error", "An internal error happened"),
} as const satisfies Record<string, ProblemSpec>;

export type ProblemSlug = keyof typeof PROBLEMS;

/** Base of problem type URIs: `urn:bailiwick:problem:<slug>`; resolvable text is in the API reference. */
export const problemType = (slug: ProblemSlug): string => `urn:bailiwick:problem:${slug}`;
