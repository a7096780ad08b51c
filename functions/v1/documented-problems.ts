import type { ProblemSlug } from "../../shared/contracts/problems.ts";
import type { Gate, Operation } from "./operation.ts";

/** Before anybody knows which operation is meant, and when something breaks that nobody foresaw. */
const ANY: readonly ProblemSlug[] = ["uri-too-long", "headers-too-large", "forwarding-refused", "internal"];

/** What the seam answers for an operation that asks who calls. */
const IDENTIFIED: readonly ProblemSlug[] = [
  "unauthenticated",
  "credential-conflict",
  "forbidden",
  "data-residency-mismatch",
  "tenant-suspended",
  "tenant-moving",
  "rate-limited",
  "store-unavailable",
];

/** What the seam answers before and while policy decides. */
const GOVERNED: readonly ProblemSlug[] = [
  ...IDENTIFIED,
  // Headers such as a deadline that is no number.
  "invalid-request",
  "privacy-loosened",
  "label-lowered",
  "insufficient-scope",
  "insufficient-user-authentication",
  "approval-required",
  "throttled",
  "policy-unavailable",
  "draining",
];

const OF_GATE: Readonly<Record<Gate, readonly ProblemSlug[]>> = {
  public: [],
  operations: IDENTIFIED,
  governed: GOVERNED,
  worker: ["unauthenticated", "rate-limited", "draining"],
};

const WITH_JSON: readonly ProblemSlug[] = ["invalid-request", "malformed-json"];

const WITH_BODY: readonly ProblemSlug[] = [
  "invalid-request",
  "body-too-large",
  "unsupported-media-type",
  "request-timeout",
  "overloaded",
];

/**
 * Every problem that an operation can answer: its own, and what the seam adds for its gate, effect, retry and input.
 * Whatever else a caller gets is a defect; conformance compares each answer with this list.
 */
export function documentedProblems(operation: Operation): ReadonlySet<ProblemSlug> {
  const { gate, effect, retry, media, params, query, problems } = operation;
  return new Set([
    ...ANY,
    ...OF_GATE[gate],
    ...(gate === "governed" && effect !== "read" ? (["tenant-locked", "ledger-halted"] as const) : []),
    ...(gate === "governed" && retry === "idempotency-key" ? (["idempotency-key-invalid"] as const) : []),
    ...(media ? WITH_BODY : []),
    ...(media === "application/json" ? WITH_JSON : []),
    ...(params || query ? (["invalid-request"] as const) : []),
    ...problems,
  ]);
}
