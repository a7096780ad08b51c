import type { JobQueue, ReceivedJob } from "../../shared/contracts/ports/job-queue.ts";
import { JobMessage } from "../../shared/contracts/worker-protocol.ts";
import { type Lab, type Tenant, user } from "./lab.ts";
import { nextJob, queueOf, ScriptedWorker } from "./scripted-worker.ts";

/** The task that a job is about. */
export const taskOfJob = ({ body }: Pick<ReceivedJob, "body">): string =>
  JSON.parse(JobMessage.parse(JSON.parse(body)).context).task;

/** The job of a task, hidden from everybody else; jobs of others that come before it are left hidden. */
export async function jobOf(queue: JobQueue, task: string): Promise<ReceivedJob> {
  for (;;) {
    const job = await nextJob(queue);
    if (taskOfJob(job) === task) return job;
  }
}

/** The next job of a tenant, whatever others have left in the queue; their jobs stay hidden. */
export async function jobOfTenant(queue: JobQueue, lab: Lab, tenant: Tenant): Promise<ReceivedJob> {
  for (;;) {
    const job = await nextJob(queue);
    const { status, body } = await lab.ask(`/v1/tasks/${taskOfJob(job)}`, { key: tenant.apiKey });
    await body?.cancel();
    if (status === 200) return job;
  }
}

/** A task on the queue lane whose worker never answers. */
export async function queuedTask(lab: Lab, tenant: Tenant): Promise<string> {
  const body = { intent: "chat", model: "queued", input: [user("x")] };
  return String((await lab.json("/v1/tasks", { key: tenant.apiKey, body })).task_id);
}

/** A dead letter of a task that still runs, in the pool of the test configuration. */
export async function deadLetter(
  lab: Lab,
  tenant: Tenant,
  reason = "poison",
): Promise<{ letter: string; task: string }> {
  const queue = await queueOf(lab.cell);
  const worker = await ScriptedWorker.connect(lab.cell);
  try {
    const task = await queuedTask(lab, tenant);
    await queue.bury(await jobOf(queue, task), reason);
    const { data } = await lab.json("/v1/pools/local/dead-letters?limit=100", { key: lab.cell.adminKey });
    const found = data.find((one: { task_id: string | null }) => one.task_id === task);
    return { letter: String(found.id), task };
  } finally {
    worker.close();
    await queue.close();
  }
}
