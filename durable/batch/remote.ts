import type { TenantId } from "../../shared/contracts/ids.ts";
import type { BatchStore } from "../../shared/contracts/ports/batch-store.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import { batchObjectName } from "./name.ts";
import type { BatchObject } from "./object.ts";

/** The port over Durable Objects. */
export function remoteBatchStore(objects: DurableNamespace<BatchObject>): BatchStore {
  const at = (tenant: TenantId) => objects.getByName(batchObjectName(tenant));
  return {
    beginFile: (tenant, one) => remoteCall(at(tenant).beginFile(one)),
    keepFile: (tenant, id, kept) => remoteCall(at(tenant).keepFile(id, kept)),
    file: (tenant, id) => remoteCall(at(tenant).file(id)),
    files: (tenant, query) => remoteCall(at(tenant).files(query)),
    dropFile: (tenant, id) => remoteCall(at(tenant).dropFile(id)),
    createBatch: (tenant, one) => remoteCall(at(tenant).createBatch(one)),
    batch: (tenant, id) => remoteCall(at(tenant).batch(id)),
    batches: (tenant, query) => remoteCall(at(tenant).batches(query)),
    cancelBatch: (tenant, id) => remoteCall(at(tenant).cancelBatch(id)),
    leaseBatch: (tenant, id, lifeMs) => remoteCall(at(tenant).leaseBatch(id, lifeMs)),
    releaseBatch: (tenant, id, fence, retryMs) => remoteCall(at(tenant).releaseBatch(id, fence, retryMs)),
    renewBatch: (tenant, id, fence) => remoteCall(at(tenant).renewBatch(id, fence)),
    validated: (tenant, id, fence, step) => remoteCall(at(tenant).validated(id, fence, step)),
    takeLines: (tenant, id, fence, taken) => remoteCall(at(tenant).takeLines(id, fence, taken)),
    retryLine: (tenant, id, fence, line) => remoteCall(at(tenant).retryLine(id, fence, line)),
    settleLines: (tenant, id, fence, settled) => remoteCall(at(tenant).settleLines(id, fence, settled)),
    finalizing: (tenant, id, fence) => remoteCall(at(tenant).finalizing(id, fence)),
    finishBatch: (tenant, id, fence, end) => remoteCall(at(tenant).finishBatch(id, fence, end)),
  };
}
