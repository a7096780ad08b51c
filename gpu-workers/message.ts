import { z } from "zod";
import { TaskId } from "../shared/contracts/ids.ts";
import { JobMessage } from "../shared/contracts/worker-protocol.ts";

/** What a worker needs to know of a message; the cell alone believes the rest, and only by its ticket. */
const Context = z.object({ schema_version: z.literal(1), task: TaskId });

/** The task that a message is about; null for what is not a message of ours, or of a version that is not known here. */
export function taskOf(body: string): TaskId | null {
  try {
    const message = JobMessage.parse(JSON.parse(body));
    return Context.parse(JSON.parse(message.context)).task;
  } catch {
    // The text is not quoted: it is somebody's call.
    return null;
  }
}
