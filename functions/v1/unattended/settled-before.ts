import type { TaskId } from "../../../shared/contracts/ids.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { PROBLEMS, type ProblemSlug } from "../../../shared/contracts/problems.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

/**
 * What an earlier run settled the task as before it was lost; null while it is open, was never admitted, or was only
 * closed by its deadline, which a settlement still corrects.
 */
export async function settledBefore(
  { tenants }: Pick<Deps, "tenants">,
  { id, versions }: TenantState,
  task: TaskId,
): Promise<TaskRecord | null> {
  const found = await tenants.task(id, { kid: null, versions: { credential: 0, ...versions } }, task);
  if (!found.ok) {
    if (found.error.reason === "not_found") return null;
    // The tenant changed since it was read: the task is taken up again.
    throw new ProblemError("store-unavailable");
  }
  const { status, error } = found.value;
  return status === null || error?.code === PROBLEMS["outcome-unknown"].code ? null : found.value;
}

/** A settled failure as the problem that its caller is told. */
export function problemOfRecord({ error }: Pick<TaskRecord, "error">): ProblemError {
  const slugs = Object.keys(PROBLEMS) as ProblemSlug[]; // safe because: the table's keys are the slugs
  const slug = slugs.find((each) => PROBLEMS[each].code === error?.code);
  return new ProblemError(slug ?? "outcome-unknown");
}
