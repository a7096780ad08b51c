import { TaskCallbackEvent } from "../../../shared/contracts/http/task-callback.ts";
import type { TaskId } from "../../../shared/contracts/ids.ts";

/** Names the callback of a task: the same in every try, so that a receiver knows a repeat. */
export const deliveryOf = (task: TaskId): string => `callback_${task.slice("task_".length)}`;

/** What a receiver is sent: the task as it ended, never what it made. */
export function callbackEvent(
  cell: { id: string; endpoint: string },
  tenant: string,
  task: TaskId,
  envelope: { created_at: string | null; finished_at: string | null },
): TaskCallbackEvent {
  return TaskCallbackEvent.parse({
    specversion: "1.0",
    id: deliveryOf(task),
    source: `/cells/${cell.id}/tenants/${tenant}`,
    type: "bailiwick.tasks.finished.v1",
    subject: task,
    time: envelope.finished_at ?? envelope.created_at,
    datacontenttype: "application/json",
    data: { task: envelope, url: `${cell.endpoint}/v1/tasks/${task}` },
  });
}
