import { TaskId, TenantId } from "../../shared/contracts/ids.ts";
import type { JobQueue } from "../../shared/contracts/ports/job-queue.ts";
import type { Runner } from "../../shared/contracts/ports/runner.ts";
import type { ObjectClass, ObjectHandle } from "../runtime/object-class.ts";
import { nextTimer } from "../runtime/timers.ts";
import { sweep, sweepDue } from "./core.ts";
import { type DueJob, jobSent } from "./detached.ts";
import { TASK_MIGRATIONS } from "./migrations.ts";
import { dueWork, notified } from "./run.ts";

/** What tasks need of the world: who runs them, and where jobs for workers go. */
export interface TaskParts {
  runner: Runner;
  /** Null in a cell without pools: jobs wait in their tasks. */
  queue: Pick<JobQueue, "send"> | null;
}

/** What hosts must know of tasks. Without parts nothing is run, sent or told, and what is due waits. */
export const taskObjectClass = (parts: TaskParts | null): ObjectClass => ({
  name: "task",
  migrations: TASK_MIGRATIONS,
  nextDue: parts === null ? sweepDue : nextTimer,
  sweep,
  ...(parts === null ? {} : { effects: (object: ObjectHandle) => perform(object, parts) }),
});

/** Tasks of a host that runs nothing. */
export const taskClass = taskObjectClass(null);

/** Each piece of due work by itself: one that fails holds up no other, and is tried again. */
async function perform(object: ObjectHandle, { runner, queue }: TaskParts): Promise<void> {
  const due = await object.call(dueWork);
  if (!due) return;
  const [tenant, task] = object.name.split(":");
  const about = [TenantId.parse(tenant), TaskId.parse(task)] as const;
  const work: Promise<unknown>[] = [];
  // If we crash after the receiver was told, it is told again, under the same id.
  if (due.notify) work.push(runner.notify(...about).then(() => object.call(notified)));
  if (due.callback) work.push(runner.callback(...about));
  if (due.run) work.push(runner.run(...about));
  if (due.carry) work.push(runner.carry(...about));
  if (queue !== null && due.job !== null) work.push(sendJob(object, queue, due.job));
  const failures = (await Promise.allSettled(work)).filter((outcome) => outcome.status === "rejected");
  if (failures.length === 1) throw failures[0]?.reason;
  if (failures.length > 1)
    throw new AggregateError(
      failures.map(({ reason }) => reason),
      "work of a task failed",
    );
}

async function sendJob(object: ObjectHandle, queue: Pick<JobQueue, "send">, { job, fence }: DueJob): Promise<void> {
  await queue.send(job);
  // If we crash here the job is sent twice; the second one finds the task leased or finished.
  await object.call((sql, env) => jobSent(sql, env, fence));
}
