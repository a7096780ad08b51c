import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { ended } from "../../detached/ended.ts";
import { subjectDigest } from "../../inference/content-keys.ts";
import { unwrap } from "../refusals.ts";

/**
 * Whether the subject of a task was erased, at the task's time or later: what is kept of it is nobody's then, and is
 * forgotten with this look. One that still runs is ended first.
 */
export async function erasedTask(deps: Deps, { tenant, access }: Call, record: TaskRecord): Promise<boolean> {
  const at_ms = record.created_ms as UnixMs; // safe because: the store kept one
  const asked = await deps.tenants.erasedSince(tenant.id, access, subjectDigest(record.subject), at_ms);
  if (!unwrap(asked).erased) return false;
  const task = TaskId.parse(record.id);
  const forgotten = await deps.tasks.forgetTask(tenant.id, task);
  if (forgotten.ok || forgotten.error.reason === "not_found") return true;
  await deps.tasks.cancelTask(tenant.id, task);
  if (await ended(deps, tenant.id, task, LIMITS.cancelWaitMs)) await deps.tasks.forgetTask(tenant.id, task);
  return true;
}
