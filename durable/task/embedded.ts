import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import { err } from "../../shared/contracts/result.ts";
import type { ObjectHost } from "../runtime/object-class.ts";
import { putResult, readResult, taskClass } from "./core.ts";
import { taskObjectName } from "./name.ts";

/** The port over objects in this process. */
export const embeddedTaskStore = (host: ObjectHost): TaskStore => ({
  async putResult(tenant, task, result) {
    await host.provision(taskClass, taskObjectName(tenant, task), (sql, env) => putResult(sql, env, result));
  },
  result: async (tenant, task) =>
    (await host.call(taskClass, taskObjectName(tenant, task), readResult)) ?? err({ reason: "not_found" }),
});
