import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { TaskId, TenantId } from "../../../shared/contracts/ids.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Deps } from "../../context.ts";

/** How often a tenant may change between the two looks at it before it is left for later. */
const LOOKS_MAX = 3;

/** The approval with its tenant as both are now; `changing` while somebody changes the tenant, `gone` without either. */
export async function approvalNow(
  deps: Deps,
  tenant: TenantId,
  task: TaskId,
): Promise<{ state: TenantState; record: ApprovalRecord } | "changing" | "gone"> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    const found = await deps.tenants.lookup(tenant, null);
    if (!found.ok) return "gone";
    const { state } = found.value;
    const access = { kid: null, versions: { credential: 0, ...state.versions } };
    const known = await deps.tenants.approvalOfTask(tenant, access, task);
    if (known.ok) return { state, record: known.value };
    if (known.error.reason !== "stale") return "gone";
  }
  return "changing";
}
