import { join } from "node:path";
import type { EmbeddedHost } from "../../durable/runtime/embedded-host.ts";
import type { ObjectClass } from "../../durable/runtime/object-class.ts";
import { embeddedTaskStore } from "../../durable/task/embedded.ts";
import { JournalFile } from "../../durable/task/watching/journal-file.ts";
import { takeOver } from "../../durable/task/watching/take-over.ts";
import type { TaskStore } from "../../shared/contracts/ports/task-store.ts";
import type { Log } from "../../shared/contracts/ports/telemetry.ts";
import { LOG_JOURNAL_FILE } from "./home.ts";

export interface EmbeddedTasks {
  store: TaskStore;
  /** Takes over what the process before this one had; not waited for. */
  begin(): void;
  /** Behind the last call; `objects` closes in between. */
  close(objects: Pick<EmbeddedHost, "close">): Promise<void>;
}

/**
 * Tasks of an embedded home. `incarnation` names this process, whose `objects` hold the home's lock: no other one carries
 * tasks of these objects out under its name.
 */
export function embeddedTasks(
  home: string,
  {
    objects,
    taskClass,
    incarnation,
    log,
  }: { objects: EmbeddedHost; taskClass: ObjectClass; incarnation: string; log: Log },
): EmbeddedTasks {
  const journal = new JournalFile(join(home, LOG_JOURNAL_FILE), home);
  let taken: Promise<void> = Promise.resolve();
  return {
    store: embeddedTaskStore(objects, taskClass, { journal, incarnation }),
    begin() {
      taken = takeOver({
        ...{ journal, incarnation },
        call: (name, body) => objects.call(taskClass, name, body),
        expected: (withinMs, limit) => objects.expected(taskClass, withinMs, limit),
        failed: (cause) => log.error("tasks.take_over", cause),
      }).then((tasks) => {
        if (tasks > 0) log.info("tasks.taken_over", { tasks });
      });
    },
    async close(closing) {
      await taken;
      await closing.close();
      await journal.close();
    },
  };
}
