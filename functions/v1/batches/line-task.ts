import type { CallContext, Labels } from "../../../shared/contracts/call.ts";
import { BATCH_ENDPOINTS, type BatchEndpoint } from "../../../shared/contracts/http/batches.ts";
import { DecisionId, type NanoUsd, TaskId, type UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchLine, BatchRecord } from "../../../shared/contracts/ports/batch-store.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import type { OutgoingJob } from "../../../shared/contracts/ports/job-queue.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { encodeBase62 } from "../../../shared/crypto/base62.ts";
import { sha256 } from "../../../shared/crypto/sha256.ts";
import type { Deps } from "../../context.ts";
import { sealCall } from "../../detached/detached-call.ts";
import { candidatesFor } from "../../inference/candidates.ts";
import { sessionNamed } from "../../inference/response-session.ts";
import type { BatchCall } from "./batch.ts";
import type { BatchRequest } from "./parse-line.ts";

export const SURFACES: Readonly<Record<BatchEndpoint, Dialect>> = {
  "/v1/chat/completions": "openai.chat",
  "/v1/embeddings": "openai.embeddings",
  "/v1/responses": "openai.responses",
  "/v1/completions": "openai.completions",
  "/v1/predict": "oip.infer",
};

const STAMP_CHARS = "task_".length + 9;
const RANDOM_CHARS = 17;

/** The task of a line: the same for every dispatch of it, so that a repeated one meets the first one's task. */
export function taskOf(batch: BatchRecord["id"], { line, attempt }: Pick<BatchLine, "line" | "attempt">): TaskId {
  // The moment is the batch's; 12 bytes are at most 17 characters.
  const stamp = batch.slice("batch_".length).slice(0, STAMP_CHARS - "task_".length);
  const hash = sha256(`bailiwick/batch-line/v1\n${batch}\n${line}\n${attempt}`).subarray(0, 12);
  return TaskId.parse(`task_${stamp}${encodeBase62(hash, RANDOM_CHARS)}`);
}

/** What the configuration says of a model for a line: null when nobody may ask for it by this name. */
export function offeredFor(deps: Pick<Deps, "config">, tenant: TenantState, surface: Dialect, model: string) {
  const snapshot = deps.config.current();
  const offered = candidatesFor(snapshot, snapshot.tenants[tenant.id] ?? null, {
    model,
    intent: null,
    surface,
    features: { tools: false, images: false, structured_output: false },
    privacy: tenant.settings.privacy,
    classification: null,
    tenantCredentials: new Set(),
  });
  if (!offered.ok) return offered.error.reason === "unknown_model" ? null : { pool: null };
  const queued = offered.value.offers.find(({ candidate }) => candidate.lane === "queue");
  return { pool: queued ? (queued.provider.pool ?? queued.provider.name) : null };
}

/** Leaves a line to a run of its own. Repeated for the same line and attempt it changes nothing. */
export async function dispatchLine(
  deps: Deps,
  by: { state: TenantState; dataKey: Uint8Array; batch: BatchRecord; call: BatchCall },
  task: TaskId,
  request: BatchRequest,
): Promise<void> {
  const { state, dataKey, batch, call } = by;
  const endpoint = batch.endpoint as BatchEndpoint; // safe because: `batches.create` accepted it
  const now = deps.clock.now();
  const lineRequest = deps.ids.mint("req");
  const leftMs = Math.max(1, Math.min(LIMITS.deadlineMsMax, batch.expires_ms - now));
  const deadline = (now + leftMs) as UnixMs; // safe because: milliseconds plus milliseconds
  const sealed = await sealCall(dataKey, state.id, task, {
    schema_version: 1,
    operation: BATCH_ENDPOINTS[endpoint],
    params: {},
    query: {},
    body: JSON.stringify(request.body),
    headers: { ...call.headers, "x-bailiwick-deadline-ms": String(leftMs) },
    actor: call.actor,
    request: lineRequest,
    received_ms: now,
    traceparent: call.traceparent,
    idempotency_key: null,
    point: "batch",
    approval: null,
  });
  const pool = offeredFor(deps, state, SURFACES[endpoint], request.model)?.pool ?? null;
  let job: OutgoingJob | null = null;
  if (pool !== null && deps.jobs !== null) {
    const context: CallContext = {
      schema_version: 1,
      actor: call.actor,
      workload: null,
      request: lineRequest,
      task,
      decisions: [DecisionId.parse(call.decision)],
      traceparent: call.traceparent,
      deadline,
      // Held once the line's run is admitted.
      budget_hold_nusd: 0 as NanoUsd, // safe because: zero is in bounds
      idempotency_fence: null,
      labels: call.labels as Labels, // safe because: sealed from labels
    };
    job = await deps.jobs.issue(context, { pool, class: "batch", tenant: state.id, task, deadline });
  }
  await deps.tasks.detach(state.id, task, {
    sealed,
    job,
    deadline,
    // Until the batch has the answer, at the latest when it expires and is put together.
    expires_ms: (batch.expires_ms + LIMITS.detachedLifeMs) as UnixMs, // safe because: milliseconds plus milliseconds
    callback: null,
    session: endpoint === "/v1/responses" ? sessionNamed(request.body) : null,
  });
  if (job !== null) deps.poolWatch.sent(job.queue, task);
}
