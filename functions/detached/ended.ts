import type { TaskId, TenantId } from "../../shared/contracts/ids.ts";
import type { Deps } from "../context.ts";
import { brokeOff, nextItem } from "./read-log.ts";

/**
 * Whether the task's log has ended; waits for that at most `waitMs`. A log that is not there has ended; of one that breaks
 * off nobody knows, and this throws `store-unavailable`.
 */
export async function ended(
  { tasks }: Pick<Deps, "tasks">,
  tenant: TenantId,
  task: TaskId,
  waitMs: number,
): Promise<boolean> {
  const state = await tasks.detached(tenant, task);
  if (!state.ok || state.value.phase === "done") return true;
  const watched = await tasks.watchLog(tenant, task, state.value.frames);
  if (!watched.ok) return watched.error.reason !== "too_many";
  const items = watched.value.getReader();
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), waitMs);
  try {
    for (;;) {
      const next = await Promise.race([nextItem(items, task), late.promise]);
      if (next === "late") return false;
      if (next.done) throw brokeOff(task);
      if (next.value.kind === "end") return true;
    }
  } finally {
    clearTimeout(timer);
    await items.cancel().catch(() => undefined);
  }
}
