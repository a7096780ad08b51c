import { z } from "zod";
import { TaskEnvelope } from "../../../shared/contracts/http/tasks.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { callbackOf } from "./callback-of.ts";
import { taskEnvelope } from "./envelope.ts";
import { taskResult } from "./result.ts";
import { waitingTask } from "./waiting.ts";

export const getTask = operation({
  ...READ,
  id: "tasks.get",
  path: "/v1/tasks/{task_id}",
  action: "task:read",
  gate: "governed",
  credential: "compared",
  params: z.strictObject({ task_id: TaskId }),
  success: [200, TaskEnvelope, "The task: status null until it is terminal, usage, cost, route and reasons."],
  problems: ["not-found", "overloaded"],
  summary: "Get a task",
  tag: "Tasks",
  resource: { kind: "task", param: "task_id" },
  async execute(deps, call) {
    const { access, params, tenant } = call;
    const admitted = await deps.tenants.task(tenant.id, access, params.task_id);
    if (admitted.ok || admitted.error.reason !== "not_found") {
      const record = unwrap(admitted);
      const callback = await callbackOf(deps, call, record);
      return value({ ...taskEnvelope(record), ...callback, result: await taskResult(deps, call, record) });
    }
    // One that waits for approval was not admitted yet.
    const approval = unwrap(await deps.tenants.approvalOfTask(tenant.id, access, params.task_id));
    return value(taskEnvelope(waitingTask(approval)));
  },
});
