import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { err } from "../../shared/contracts/result.ts";
import type { ObjectClass, ObjectHost } from "../runtime/object-class.ts";
import { putResult, readResult } from "./core.ts";
import { taskObjectName } from "./name.ts";
import { taskClass } from "./object-class.ts";
import * as run from "./run.ts";

const notFound = err({ reason: "not_found" } as const);

/** The port over objects in this process. `of` is this host's `taskObjectClass`. */
export const embeddedTaskStore = (host: ObjectHost, of: ObjectClass = taskClass): TaskStore => ({
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
});
