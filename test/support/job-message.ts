import type { TaskId } from "../../shared/contracts/ids.ts";
import type { JobMessage } from "../../shared/contracts/worker-protocol.ts";

/** A task's id made of a number. */
export const numberedTask = (number: number): TaskId => `task_${String(number).padStart(26, "0")}` as TaskId; // safe because: it has the form

/** A message as the cell sends it, for a worker that believes neither ticket nor context. */
export function jobMessage(task: TaskId): string {
  const message: JobMessage = {
    ...{ schema_version: 1, type: "bailiwick.run.v1", ticket: "a.b.c" },
    context: JSON.stringify({ schema_version: 1, task }),
  };
  return JSON.stringify(message);
}
