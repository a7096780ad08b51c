import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { TaskId } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { DetachedState } from "../../../shared/contracts/ports/task-log.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Call, Deps } from "../../context.ts";
import { ended } from "../../detached/ended.ts";
import { subjectDigest } from "../../inference/content-keys.ts";
import { unwrap } from "../refusals.ts";

/** A conversation is there while its session is, and the key of the subject that began it. */
async function isKept(deps: Deps, call: Call, session: string): Promise<boolean> {
  const found = await deps.sessions.info(call.tenant.id, session);
  return found.ok && (await deps.contentKeys.open(deps, call, session, found.value.key)) !== null;
}

/**
 * Whether the subject of a task was erased, at the task's time or later, or the conversation that it went on with is gone:
 * what is kept of it is nobody's then, and is forgotten with this look. One that still runs is ended first.
 */
export async function erasedTask(
  deps: Deps,
  call: Call,
  record: TaskRecord,
  { session }: Pick<DetachedState, "session">,
): Promise<boolean> {
  const { tenant, access } = call;
  const at_ms = record.created_ms as UnixMs; // safe because: the store kept one
  const asked = await deps.tenants.erasedSince(tenant.id, access, subjectDigest(record.subject), at_ms);
  if (!unwrap(asked).erased && (session == null || (await isKept(deps, call, session)))) return false;
  const task = TaskId.parse(record.id);
  const forgotten = await deps.tasks.forgetTask(tenant.id, task);
  if (forgotten.ok || forgotten.error.reason === "not_found") return true;
  await deps.tasks.cancelTask(tenant.id, task);
  if (await ended(deps, tenant.id, task, LIMITS.cancelWaitMs)) await deps.tasks.forgetTask(tenant.id, task);
  return true;
}
