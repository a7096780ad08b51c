import { z } from "zod";
import { Actor } from "../../../shared/contracts/actor.ts";
import { BatchId, type UnixMs } from "../../../shared/contracts/ids.ts";
import type { BatchRecord } from "../../../shared/contracts/ports/batch-store.ts";
import { open } from "../../../shared/crypto/open.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import type { Sealing } from "../files/content.ts";
import { confinedTo } from "../files/file.ts";

export const BatchPath = z.strictObject({ batch_id: z.string().max(128) });

/** Under whose authority a batch runs, and what its creator said of it. */
export const BatchCall = z.strictObject({
  schema_version: z.literal(1),
  actor: Actor,
  request: z.string(),
  traceparent: z.string(),
  headers: z.record(z.string(), z.string()),
  decision: z.string(),
  labels: z.strictObject({
    classification: z.string().nullable(),
    purpose: z.string().nullable(),
    markings: z.array(z.string()),
    provenance: z.string().nullable(),
    trust: z.enum(["trusted", "untrusted"]),
  }),
  metadata: z.record(z.string(), z.string()).nullable(),
});
export type BatchCall = z.infer<typeof BatchCall>;

const callObject = (id: BatchId): string => `batch/${id}/call`;

export const sealBatchCall = ({ tenant, dataKey }: Sealing, id: BatchId, call: BatchCall): Promise<Uint8Array> =>
  seal(dataKey, { tenant, object: callObject(id) }, utf8(JSON.stringify(call)));

export async function openBatchCall({ tenant, dataKey }: Sealing, { id, sealed }: BatchRecord): Promise<BatchCall> {
  const opened = await open(dataKey, { tenant, object: callObject(id) }, sealed);
  if (!opened.ok) throw new Error(`the call of ${id} does not open: ${opened.error.reason}`);
  return BatchCall.parse(JSON.parse(new TextDecoder().decode(opened.value)));
}

const seconds = (ms: UnixMs | undefined): number | null => (ms === undefined ? null : Math.floor(ms / 1000));

export async function batchObject(sealing: Sealing, batch: BatchRecord) {
  const { metadata } = await openBatchCall(sealing, batch);
  const { times, usage } = batch;
  return {
    id: batch.id,
    object: "batch",
    endpoint: batch.endpoint,
    model: batch.model,
    errors: batch.errors.length === 0 ? null : { object: "list", data: batch.errors },
    input_file_id: batch.input_file,
    completion_window: "24h",
    status: batch.status,
    output_file_id: batch.has_output ? batch.output_file : null,
    error_file_id: batch.has_errors ? batch.error_file : null,
    created_at: Math.floor(batch.created_ms / 1000),
    in_progress_at: seconds(times.in_progress),
    expires_at: Math.floor(batch.expires_ms / 1000),
    finalizing_at: seconds(times.finalizing),
    completed_at: seconds(times.completed),
    failed_at: seconds(times.failed),
    expired_at: seconds(times.expired),
    cancelling_at: seconds(times.cancelling),
    cancelled_at: seconds(times.cancelled),
    request_counts: batch.counts,
    usage: {
      input_tokens: usage.input_tokens,
      input_tokens_details: { cached_tokens: usage.cached_tokens },
      output_tokens: usage.output_tokens,
      output_tokens_details: { reasoning_tokens: usage.reasoning_tokens },
      total_tokens: usage.input_tokens + usage.output_tokens,
    },
    metadata,
  };
}

/** Throws `not-found`. */
export async function batchOf(deps: Deps, call: Pick<Call, "tenant" | "actor">, id: string): Promise<BatchRecord> {
  const parsed = BatchId.safeParse(id);
  const found = parsed.success ? await deps.batches.batch(call.tenant.id, parsed.data) : null;
  const own = confinedTo(call.actor);
  if (!found?.ok || (own !== null && found.value.workspace !== own)) throw new ProblemError("not-found");
  return found.value;
}
