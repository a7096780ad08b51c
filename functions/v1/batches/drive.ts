import type { BatchId, TenantId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { BatchFenced, BatchRecord, BatchTurn } from "../../../shared/contracts/ports/batch-store.ts";
import type { ObjectStore } from "../../../shared/contracts/ports/object-store.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Result } from "../../../shared/contracts/result.ts";
import type { Deps } from "../../context.ts";
import { readContent, type Sealing } from "../files/content.ts";
import { type BatchCall, openBatchCall } from "./batch.ts";

/** Somebody else drives the batch now. */
export class BatchLost extends Error {
  override readonly name = "BatchLost";
}

/** A batch in the hands of whoever drives it. */
export interface Driven extends Sealing {
  deps: Deps;
  objects: ObjectStore;
  id: BatchId;
  tenantId: TenantId;
  state: TenantState;
  call: BatchCall;
  fence: number;
  turn: BatchTurn;
  /** As the last write answered it. */
  batch: BatchRecord;
  /** When this turn is over, at the latest. */
  untilMs: number;
}

export async function driven(deps: Deps, objects: ObjectStore, turn: BatchTurn, tenant: TenantId, untilMs: number) {
  const found = await deps.tenants.lookup(tenant, null);
  if (!found.ok) throw new Error(`the tenant of ${turn.batch.id} is gone`);
  const { state } = found.value;
  const dataKey = await deps.keyring.openDataKey(tenant, state.data_key);
  const call = await openBatchCall({ tenant, dataKey }, turn.batch);
  const { fence, batch } = turn;
  const of: Driven = {
    deps,
    objects,
    id: batch.id,
    tenant,
    tenantId: tenant,
    dataKey,
    state,
    call,
    fence,
    turn,
    batch,
    untilMs,
  };
  return of;
}

/** The value of a write of the turn. Throws `BatchLost`. */
export function kept<T>(outcome: Result<T, BatchFenced>): T {
  if (!outcome.ok) throw new BatchLost(outcome.error.reason);
  return outcome.value;
}

/** Whether the turn is to be given back as it stands. */
export const pauses = ({ deps, untilMs }: Driven): boolean => deps.lifecycle.draining || deps.clock.now() >= untilMs;

/** The input from `offset` on. Null when it is not there any more. */
export const inputFrom = (of: Driven, offset: number, length: number = LIMITS.fileBytesMax) =>
  readContent(of.objects, of, of.batch.input_file, { offset, length });
