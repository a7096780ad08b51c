import { BatchesQuery, BatchList, BatchObject, CreateBatch } from "../../../shared/contracts/http/batches.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchGone, BatchRecord } from "../../../shared/contracts/ports/batch-store.ts";
import { err, type Result } from "../../../shared/contracts/result.ts";
import { MEANINGFUL } from "../../inference/commitments.ts";
import { ProblemError } from "../../problem.ts";
import { objectsOf } from "../files/content.ts";
import { confinedTo, fileOf, sealingOf } from "../files/file.ts";
import { recorded } from "../files/recorded.ts";
import { newFileId } from "../files/upload.ts";
import { JSON_INPUT, NO_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { BatchPath, batchObject, batchOf, sealBatchCall } from "./batch.ts";

const common = { gate: "governed", credential: "fresh", tag: "Batches" } as const;
const one = {
  params: BatchPath,
  problems: ["not-found"],
  resource: { kind: "batch", param: "batch_id" },
} as const;

export const createBatch = operation({
  ...common,
  ...JSON_INPUT,
  id: "batches.create",
  method: "post",
  path: "/v1/batches",
  action: "batch:write",
  effect: "reversible-write",
  retry: "never",
  ack: "admission",
  kind: "unary",
  body: CreateBatch,
  success: [200, BatchObject, "The batch; its lines are validated, then run within 24 hours."],
  problems: ["not-found", "limit-reached"],
  summary: "Create a batch",
  resource: { kind: "batch" },
  async execute(deps, call) {
    objectsOf(deps);
    const { input_file_id: wanted, endpoint, metadata, output_expires_after: kept } = call.body;
    const input = await fileOf(deps, call, wanted, "input_file_id");
    if (input.purpose !== "batch")
      throw new ProblemError("invalid-request", { param: "input_file_id", detail: "The file's purpose is not batch." });
    const id = deps.ids.mint("batch");
    const sealing = await sealingOf(deps, call);
    const headers: Record<string, string> = {};
    for (const name of MEANINGFUL) {
      const said = call.headers.get(name);
      if (said !== null) headers[name] = said;
    }
    const sealed = await sealBatchCall(sealing, id, {
      schema_version: 1,
      actor: call.actor,
      request: call.request,
      traceparent: call.span.traceparent,
      headers,
      decision: call.decided.id,
      labels: { ...call.labels, markings: [...call.labels.markings] },
      metadata: metadata ?? null,
    });
    const detail = { endpoint, input_file: input.id, bytes: input.bytes };
    const created = await recorded(deps, call, { resource: id, action: "batch:write", detail }, () =>
      deps.batches.createBatch(call.tenant.id, {
        id,
        workspace: call.actor.scopes.workspace,
        endpoint,
        input_file: input.id,
        output_file: newFileId(deps),
        error_file: newFileId(deps),
        sealed,
        expires_ms: (deps.clock.now() + LIMITS.batchWindowMsMax) as UnixMs, // safe because: milliseconds plus milliseconds
        output_life_ms: kept ? 1000 * kept.seconds : null,
      }),
    );
    return value(
      await batchObject(sealing, unwrap(created, { limit: "The tenant has as many batches as it may have." })),
    );
  },
});

export const getBatch = operation({
  ...READ,
  ...common,
  ...one,
  id: "batches.get",
  path: "/v1/batches/{batch_id}",
  action: "batch:read",
  success: [200, BatchObject, "The batch, with counts that move."],
  summary: "Get a batch",
  async execute(deps, call) {
    return value(await batchObject(await sealingOf(deps, call), await batchOf(deps, call, call.params.batch_id)));
  },
});

export const listBatches = operation({
  ...READ,
  ...common,
  id: "batches.list",
  path: "/v1/batches",
  action: "batch:read",
  query: BatchesQuery,
  success: [
    200,
    BatchList,
    "Batches of the caller's workspace, newest first; of every one where a role is tenant-wide.",
  ],
  problems: [],
  summary: "List batches",
  resource: { kind: "batch" },
  async execute(deps, call) {
    const { after = null, limit } = call.query;
    const query = { workspace: confinedTo(call.actor), after, limit, order: "desc" as const };
    const { data: found, more } = await deps.batches.batches(call.tenant.id, query);
    const sealing = await sealingOf(deps, call);
    const data = await Promise.all(found.map((batch) => batchObject(sealing, batch)));
    const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    return value({ object: "list", data, ...ids, has_more: more });
  },
});

type NotCancelled = BatchGone | { reason: "version_conflict"; status: BatchRecord["status"] };

/** Statuses that lead to no other but their own end. */
const BEYOND_CANCELLATION: ReadonlySet<BatchRecord["status"]> = new Set<BatchRecord["status"]>([
  "finalizing",
  "completed",
  "failed",
  "expired",
]);

export const cancelBatch = operation({
  ...common,
  ...NO_INPUT,
  ...one,
  id: "batches.cancel",
  method: "post",
  path: "/v1/batches/{batch_id}/cancel",
  action: "batch:write",
  effect: "irreversible-write",
  retry: "never",
  ack: "admission",
  kind: "unary",
  success: [200, BatchObject, "The batch: `cancelling` until its lines have ended."],
  problems: ["not-found", "version-conflict"],
  summary: "Cancel a batch",
  async execute(deps, call) {
    const found = await batchOf(deps, call, call.params.batch_id);
    const { id } = found;
    const refuse = (status: string) =>
      new ProblemError("version-conflict", { detail: `The batch is ${status} and cannot be cancelled.` });
    // The ledger tells of no cancellation that cannot come.
    if (BEYOND_CANCELLATION.has(found.status)) throw refuse(found.status);
    const change = { resource: id, action: "batch:write", detail: { canceled: id } } as const;
    const cancelled = await recorded(deps, call, change, async (): Promise<Result<BatchRecord, NotCancelled>> => {
      const batch = await deps.batches.cancelBatch(call.tenant.id, id);
      if (!batch.ok || batch.value.status.startsWith("cancel")) return batch;
      return err({ reason: "version_conflict", status: batch.value.status });
    });
    if (!cancelled.ok && cancelled.error.reason === "version_conflict") throw refuse(cancelled.error.status);
    return value(await batchObject(await sealingOf(deps, call), unwrap(cancelled)));
  },
});
