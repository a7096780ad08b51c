import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { ok } from "../../shared/contracts/result.ts";
import type { DurableNamespace } from "../runtime/durable-object.ts";
import { remoteCall } from "../runtime/remote-call.ts";
import { taskObjectName } from "./name.ts";
import type { TaskObject } from "./object.ts";
import { logItems } from "./watching/log-wire.ts";

/** The port over Durable Objects. */
export function remoteTaskStore(objects: DurableNamespace<TaskObject>): TaskStore {
  const at = (...name: Parameters<typeof taskObjectName>) => objects.getByName(taskObjectName(...name));
  return {
    putResult: (tenant, task, result) => remoteCall(at(tenant, task).putResult(result)),
    putPayload: (tenant, task, payload) => remoteCall(at(tenant, task).putPayload(payload)),
    payload: (tenant, task, digest) => remoteCall(at(tenant, task).payload(digest)),
    startRun: (tenant, task) => remoteCall(at(tenant, task).startRun()),
    leaseRun: (tenant, task, lifeMs) => remoteCall(at(tenant, task).leaseRun(lifeMs)),
    endRun: (tenant, task, fence, end) => remoteCall(at(tenant, task).endRun(fence, end)),
    result: (tenant, task) => remoteCall(at(tenant, task).result()),
    detach: (tenant, task, detached) => remoteCall(at(tenant, task).detach(detached)),
    detached: (tenant, task) => remoteCall(at(tenant, task).detached()),
    detachedCall: (tenant, task) => remoteCall(at(tenant, task).detachedCall()),
    leaseTask: (tenant, task, options) => remoteCall(at(tenant, task).leaseTask(options)),
    renewTask: (tenant, task, fence, options) => remoteCall(at(tenant, task).renewTask(fence, options)),
    releaseTask: (tenant, task, fence, options) => remoteCall(at(tenant, task).releaseTask(fence, options)),
    openLog: (tenant, task, fence, head) => remoteCall(at(tenant, task).openLog(fence, head)),
    showLog: (tenant, task, fence, live) => remoteCall(at(tenant, task).showLog(fence, live)),
    appendLog: (tenant, task, fence, part) => remoteCall(at(tenant, task).appendLog(fence, part)),
    closeLog: (tenant, task, fence, end) => remoteCall(at(tenant, task).closeLog(fence, end)),
    async watchLog(tenant, task, after) {
      const watched = await remoteCall(at(tenant, task).watchLog(after));
      return watched.ok ? ok(logItems(watched.value)) : watched;
    },
    cancelTask: (tenant, task) => remoteCall(at(tenant, task).cancelTask()),
    callback: (tenant, task) => remoteCall(at(tenant, task).callback()),
    beginCallback: (tenant, task) => remoteCall(at(tenant, task).beginCallback()),
    endCallback: (tenant, task, attempt, end) => remoteCall(at(tenant, task).endCallback(attempt, end)),
    forgetTask: (tenant, task) => remoteCall(at(tenant, task).forgetTask()),
  };
}
