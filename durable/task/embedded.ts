import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { err } from "../../shared/contracts/result.ts";
import type { ObjectClass, ObjectHost } from "../runtime/object-class.ts";
import { putResult, readResult } from "./core.ts";
import { taskObjectName } from "./name.ts";
import { taskClass } from "./object-class.ts";
import * as run from "./run.ts";
import { type TaskHost, type TaskLogParts, taskLogs } from "./watching/log-store.ts";

const notFound = err({ reason: "not_found" } as const);

/** The port over objects in this process. `of` is this host's `taskObjectClass`. */
export function embeddedTaskStore(host: ObjectHost, of: ObjectClass = taskClass, parts: TaskLogParts = {}): TaskStore {
  const objects: TaskHost = {
    call: (name, body) => host.call(of, name, body),
    provision: (name, body) => host.provision(of, name, body),
  };
  const logs = taskLogs(objects, parts);
  return {
    async putPayload(tenant, task, payload) {
      await host.provision(of, taskObjectName(tenant, task), (sql, env) => run.putPayload(sql, env, payload));
    },
    payload: async (tenant, task, digest) =>
      (await host.call(of, taskObjectName(tenant, task), (sql) => run.readPayload(sql, digest))) ?? notFound,
    startRun: async (tenant, task) => (await host.call(of, taskObjectName(tenant, task), run.startRun)) ?? notFound,
    leaseRun: async (tenant, task, lifeMs) =>
      (await host.call(of, taskObjectName(tenant, task), (sql, env) => run.leaseRun(sql, env, lifeMs))) ?? notFound,
    endRun: async (tenant, task, fence, end) =>
      (await host.call(of, taskObjectName(tenant, task), (sql, env) => run.endRun(sql, env, fence, end))) ?? notFound,
    async putResult(tenant, task, result) {
      await host.provision(of, taskObjectName(tenant, task), (sql, env) => putResult(sql, env, result));
    },
    result: async (tenant, task) => (await host.call(of, taskObjectName(tenant, task), readResult)) ?? notFound,
    detach: (tenant, task, ...rest) => logs.detach(taskObjectName(tenant, task), ...rest),
    detached: (tenant, task) => logs.detached(taskObjectName(tenant, task)),
    detachedCall: (tenant, task) => logs.detachedCall(taskObjectName(tenant, task)),
    leaseTask: (tenant, task, ...rest) => logs.leaseTask(taskObjectName(tenant, task), ...rest),
    renewTask: (tenant, task, ...rest) => logs.renewTask(taskObjectName(tenant, task), ...rest),
    releaseTask: (tenant, task, ...rest) => logs.releaseTask(taskObjectName(tenant, task), ...rest),
    openLog: (tenant, task, ...rest) => logs.openLog(taskObjectName(tenant, task), ...rest),
    showLog: (tenant, task, ...rest) => logs.showLog(taskObjectName(tenant, task), ...rest),
    appendLog: (tenant, task, ...rest) => logs.appendLog(taskObjectName(tenant, task), ...rest),
    closeLog: (tenant, task, ...rest) => logs.closeLog(taskObjectName(tenant, task), ...rest),
    watchLog: (tenant, task, ...rest) => logs.watchLog(taskObjectName(tenant, task), ...rest),
    cancelTask: (tenant, task) => logs.cancelTask(taskObjectName(tenant, task)),
    callback: (tenant, task) => logs.callback(taskObjectName(tenant, task)),
    beginCallback: (tenant, task) => logs.beginCallback(taskObjectName(tenant, task)),
    endCallback: (tenant, task, ...rest) => logs.endCallback(taskObjectName(tenant, task), ...rest),
    forgetTask: (tenant, task) => logs.forgetTask(taskObjectName(tenant, task)),
  };
}
