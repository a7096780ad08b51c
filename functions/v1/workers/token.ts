import { LIMITS } from "../../../shared/contracts/limits.ts";
import { WorkerToken, WorkerTokenRequest } from "../../../shared/contracts/worker-protocol.ts";
import { constantTimeEqual } from "../../../shared/crypto/constant-time-equal.ts";
import { sha256 } from "../../../shared/crypto/sha256.ts";
import type { WorkerClaims } from "../../../shared/crypto/workload-token.ts";
import type { Call, Deps, WorkerParts } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { refusedAttempt } from "../identify.ts";
import { operation, value } from "../operation.ts";
import { noWorker } from "./no-worker.ts";

/** What the cell writes into its home proves that a worker was started beside it. */
const BESIDE = "worker:beside-the-cell";

export const createWorkerToken = operation({
  id: "workers.token",
  method: "post",
  path: "/v1/workers/token",
  action: "cell:health",
  gate: "worker",
  credential: "fresh",
  effect: "ambiguous",
  retry: "safe",
  ack: "admission",
  kind: "unary",
  media: "application/json",
  bodyBytesMax: LIMITS.workerTokenBytesMax,
  body: WorkerTokenRequest,
  success: [200, WorkerToken, "A token for the worker's connection."],
  problems: ["store-unavailable"],
  summary: "Exchange a worker's proof for its token",
  tag: "Workers",
  resource: { kind: "cell" },
  async execute(deps, call) {
    const { pool, worker } = call.body;
    const parts = deps.workers;
    const claims = parts === null ? null : await claimsOf(deps, parts, call);
    if (parts === null || claims === null) throw await refusedAttempt(deps, call, noWorker());
    const now = deps.clock.now();
    const expires = now + LIMITS.workerTokenLifeMs;
    const token = await parts.tokens.signWorker({ ...claims, worker, pool }, { now, expires });
    // Whole seconds in the token.
    return value({ token, expires_ms: Math.floor(expires / 1_000) * 1_000 });
  },
});

/** Who the worker proved to be; one and the same null for whatever is wrong. */
async function claimsOf(
  deps: Deps,
  { serviceAccount, enrolment }: WorkerParts,
  { body, snapshot }: Call<WorkerTokenRequest>,
): Promise<Omit<WorkerClaims, "worker" | "pool"> | null> {
  const { pools = {} } = snapshot;
  const pool = Object.hasOwn(pools, body.pool) ? pools[body.pool] : undefined;
  if (pool === undefined) return null;
  if (body.proof.kind === "enrolment") {
    const proven = enrolment !== null && constantTimeEqual(sha256(body.proof.secret), sha256(enrolment));
    return proven ? { sub: BESIDE } : null;
  }
  const account = await serviceAccount(pool, body.proof.token, deps.clock.now());
  if (!account.ok) {
    if (account.error.reason === "bad_credential") return null;
    throw new ProblemError("store-unavailable", { detail: "The issuer's keys cannot be had now." });
  }
  const { subject, issuer } = account.value;
  const restricted = (["tenants", "workspaces", "environments"] as const).flatMap((name) => {
    const names = issuer[name];
    return names === null ? [] : [[name, names] as const];
  });
  return { sub: subject, ...Object.fromEntries(restricted) };
}
