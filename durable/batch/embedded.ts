import type { TenantId } from "../../shared/contracts/ids.ts";
import type { BatchStore } from "../../shared/contracts/ports/batch-store.ts";
import { err, type Result } from "../../shared/contracts/result.ts";
import type { ObjectBody, ObjectClass, ObjectHost } from "../runtime/object-class.ts";
import { batch, batches, cancelBatch, createBatch } from "./batches.ts";
import { beginFile, dropFile, file, files, keepFile } from "./files.ts";
import { batchObjectName } from "./name.ts";
import * as turn from "./turn.ts";

/** The port over objects in this process. `of` is this host's `batchObjectClass`. */
export function embeddedBatchStore(host: ObjectHost, of: ObjectClass): BatchStore {
  async function call<T, E>(
    tenant: TenantId,
    body: ObjectBody<Result<T, E>>,
  ): Promise<Result<T, E | { reason: "not_found" }>> {
    return (await host.call(of, batchObjectName(tenant), body)) ?? err({ reason: "not_found" });
  }
  const list = async <T>(tenant: TenantId, body: ObjectBody<{ data: T[]; more: boolean }>) =>
    (await host.call(of, batchObjectName(tenant), body)) ?? { data: [], more: false };
  return {
    beginFile: (tenant, one) => host.provision(of, batchObjectName(tenant), (sql, env) => beginFile(sql, env, one)),
    keepFile: (tenant, id, kept) => call(tenant, (sql, env) => keepFile(sql, env, id, kept)),
    file: (tenant, id) => call(tenant, (sql, env) => file(sql, env, id)),
    files: (tenant, query) => list(tenant, (sql, env) => files(sql, env, query)),
    dropFile: (tenant, id) => call(tenant, (sql, env) => dropFile(sql, env, id)),
    createBatch: (tenant, one) => host.provision(of, batchObjectName(tenant), (sql, env) => createBatch(sql, env, one)),
    batch: (tenant, id) => call(tenant, (sql, env) => batch(sql, env, id)),
    batches: (tenant, query) => list(tenant, (sql, env) => batches(sql, env, query)),
    cancelBatch: (tenant, id) => call(tenant, (sql, env) => cancelBatch(sql, env, id)),
    leaseBatch: (tenant, id, life) => call(tenant, (sql, env) => turn.leaseBatch(sql, env, id, life)),
    releaseBatch: (tenant, id, fence, ms) => call(tenant, (sql, env) => turn.releaseBatch(sql, env, id, fence, ms)),
    renewBatch: (tenant, id, fence) => call(tenant, (sql, env) => turn.renewBatch(sql, env, id, fence)),
    validated: (tenant, id, fence, step) => call(tenant, (sql, env) => turn.validated(sql, env, id, fence, step)),
    takeLines: (tenant, id, fence, taken) => call(tenant, (sql, env) => turn.takeLines(sql, env, id, fence, taken)),
    retryLine: (tenant, id, fence, line) => call(tenant, (sql, env) => turn.retryLine(sql, env, id, fence, line)),
    settleLines: (tenant, id, fence, of_) => call(tenant, (sql, env) => turn.settleLines(sql, env, id, fence, of_)),
    finalizing: (tenant, id, fence) => call(tenant, (sql, env) => turn.finalizing(sql, env, id, fence)),
    finishBatch: (tenant, id, fence, end) => call(tenant, (sql, env) => turn.finishBatch(sql, env, id, fence, end)),
  };
}
