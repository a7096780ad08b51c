import { z } from "zod";
import { TaskEnvelope } from "../../../shared/contracts/http/tasks.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ended } from "../../detached/ended.ts";
import { ProblemError } from "../../problem.ts";
import { NO_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { taskEnvelope } from "./envelope.ts";
import { ownTask } from "./own-task.ts";

/** Ends a task that goes on without its caller; one that has ended is answered as it ended. */
export const cancelTask = operation({
  id: "tasks.cancel",
  method: "post",
  path: "/v1/tasks/{task_id}/cancel",
  action: "session:write",
  gate: "governed",
  credential: "compared",
  effect: "irreversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...NO_INPUT,
  params: z.strictObject({ task_id: TaskId }),
  success: [200, TaskEnvelope, "The task as it ended."],
  problems: ["not-found", "overloaded"],
  summary: "Cancel a task",
  tag: "Tasks",
  resource: { kind: "task", param: "task_id" },
  async execute(deps, call) {
    const { task_id: task } = call.params;
    const before = await ownTask(deps, call, task);
    if (before.status !== null) return value(taskEnvelope(before));
    const cancelled = await deps.tasks.cancelTask(call.tenant.id, task);
    if (!cancelled.ok)
      throw new ProblemError("not-found", { param: "task_id", detail: "Whoever waits for this task ends it." });
    if (!(await ended(deps, call.tenant.id, task, LIMITS.cancelWaitMs)))
      throw new ProblemError("overloaded", { detail: "The task is being cancelled.", retryAfterMs: 1_000 });
    return value(taskEnvelope(await ownTask(deps, call, task)));
  },
});
