import type { TaskId } from "../../../shared/contracts/ids.ts";
import type { LogEnd } from "../../../shared/contracts/ports/task-log.ts";
import type { ToSubscriber } from "../../../shared/contracts/task-socket.ts";
import type { TaskEventItem } from "../tasks/task-events.ts";

export interface SubscriptionParts {
  task: TaskId;
  items: AsyncGenerator<TaskEventItem, LogEnd, undefined>;
  /** Aborts when nobody wants them any more. */
  stop: AbortSignal;
  /** Resolves once the reader may be sent more. */
  room(): Promise<void>;
  send(message: ToSubscriber): void;
}

/** Sends a task's events as fast as they are read: nothing is taken from the log that its reader has no room for. */
export async function follow({ task, items, stop, room, send }: SubscriptionParts): Promise<void> {
  try {
    for (;;) {
      await room();
      if (stop.aborted) return;
      const next = await items.next();
      if (stop.aborted || next.done) return;
      const { name, id, data } = next.value;
      send({ type: name, task, seq: id, data });
    }
  } catch (thrown) {
    // A log whose reading was stopped breaks off.
    if (stop.aborted) return;
    send({ type: "interrupted", task });
    throw thrown;
  } finally {
    await items.return("failed");
  }
}
