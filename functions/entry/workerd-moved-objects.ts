import { batchObjectName } from "../../durable/batch/name.ts";
import type { BatchObject } from "../../durable/batch/object.ts";
import type { DurableNamespace } from "../../durable/runtime/durable-object.ts";
import type { ObjectClass } from "../../durable/runtime/object-class.ts";
import { remoteCall } from "../../durable/runtime/remote-call.ts";
import { remoteRows } from "../../durable/runtime/remote-rows.ts";
import type { SessionObject } from "../../durable/session/object.ts";
import type { TaskObject } from "../../durable/task/object.ts";
import type { TenantObject } from "../../durable/tenant/object.ts";
import { remoteTenantMoving } from "../../durable/tenant/remote-moving.ts";
import type { MovedClass } from "../../shared/contracts/tenant-move.ts";
import type { MovedObjects } from "../cells/moving/parts.ts";
import { movedObjects, schemasOf } from "./moved-objects.ts";

export interface MovedNamespaces {
  tenant: DurableNamespace<TenantObject>;
  session: DurableNamespace<SessionObject>;
  task: DurableNamespace<TaskObject>;
  batch: DurableNamespace<BatchObject>;
}

/** The objects of tenants on Workers, which does not tell which ones there are: the tenant's own object does. */
export function workerdMovedObjects(
  { tenant, session, task, batch }: MovedNamespaces,
  classes: Readonly<Record<MovedClass, ObjectClass>>,
): MovedObjects {
  return movedObjects({
    schemas: schemasOf(classes),
    tenant: remoteTenantMoving(tenant),
    rows: { session: remoteRows(session), task: remoteRows(task), batch: remoteRows(batch) },
    activeBatches: (of) => remoteCall(batch.getByName(batchObjectName(of)).activeBatches()),
    names: null,
  });
}
