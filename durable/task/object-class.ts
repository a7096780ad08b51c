import { TaskId, TenantId } from "../../shared/contracts/ids.ts";
import type { Runner } from "../../shared/contracts/ports/runner.ts";
import type { ObjectClass, ObjectHandle } from "../runtime/object-class.ts";
import { nextTimer } from "../runtime/timers.ts";
import { sweep, sweepDue } from "./core.ts";
import { TASK_MIGRATIONS } from "./migrations.ts";
import { dueWork, notified } from "./run.ts";

/** What hosts must know of tasks. Without a runner nothing is run or told, and what is due waits. */
export const taskObjectClass = (runner: Runner | null): ObjectClass => ({
  name: "task",
  migrations: TASK_MIGRATIONS,
  nextDue: runner === null ? sweepDue : nextTimer,
  sweep,
  ...(runner === null ? {} : { effects: (object: ObjectHandle) => perform(object, runner) }),
});

/** Tasks of a host that runs nothing. */
export const taskClass = taskObjectClass(null);

async function perform(object: ObjectHandle, runner: Runner): Promise<void> {
  const due = await object.call(dueWork);
  if (!due) return;
  const [tenant, task] = object.name.split(":");
  const about = [TenantId.parse(tenant), TaskId.parse(task)] as const;
  // If we crash after the receiver was told, it is told again, under the same id.
  if (due.notify) await runner.notify(...about).then(() => object.call(notified));
  if (due.run) await runner.run(...about);
}
