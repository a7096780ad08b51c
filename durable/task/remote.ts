import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import { taskObjectName } from "./name.ts";
import type { TaskObject } from "./object.ts";

/** The port over Durable Objects. */
export const remoteTaskStore = (objects: DurableNamespace<TaskObject>): TaskStore => ({
  putResult: (tenant, task, result) => remoteCall(objects.getByName(taskObjectName(tenant, task)).putResult(result)),
  putPayload: (tenant, task, payload) =>
    remoteCall(objects.getByName(taskObjectName(tenant, task)).putPayload(payload)),
  payload: (tenant, task, digest) => remoteCall(objects.getByName(taskObjectName(tenant, task)).payload(digest)),
  startRun: (tenant, task) => remoteCall(objects.getByName(taskObjectName(tenant, task)).startRun()),
  leaseRun: (tenant, task, lifeMs) => remoteCall(objects.getByName(taskObjectName(tenant, task)).leaseRun(lifeMs)),
  endRun: (tenant, task, fence, end) => remoteCall(objects.getByName(taskObjectName(tenant, task)).endRun(fence, end)),
  result: (tenant, task) => remoteCall(objects.getByName(taskObjectName(tenant, task)).result()),
});
