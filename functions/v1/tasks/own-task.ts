import type { TaskId } from "../../../shared/contracts/ids.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { unwrap } from "../refusals.ts";

/** A task of the caller's own workspace: others are told that there is none. */
export async function ownTask(deps: Pick<Deps, "tenants">, call: Call, task: TaskId): Promise<TaskRecord> {
  const record = unwrap(await deps.tenants.task(call.tenant.id, call.access, task));
  if (record.workspace !== call.actor.scopes.workspace) throw new ProblemError("not-found", { param: "task_id" });
  return record;
}
