import type { CallbackProgress } from "../../../shared/contracts/callback.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";

/** How far the task's caller was told, as a member of its envelope; nothing for a task whose caller wanted no word. */
export async function callbackOf(
  deps: Pick<Deps, "tasks">,
  call: Pick<Call, "tenant">,
  record: Pick<TaskRecord, "id" | "operation">,
): Promise<{ callback?: CallbackProgress }> {
  // Nothing else has callbacks: other tasks cost no further call.
  if (record.operation !== "tasks.create") return {};
  const state = await deps.tasks.detached(call.tenant.id, TaskId.parse(record.id));
  return state.ok && state.value.callback !== null ? { callback: state.value.callback } : {};
}
