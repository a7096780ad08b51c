import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Access, TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

/**
 * The tenant that a path names, with access to it. Callers reach their own tenant, operators of the cell any; everything
 * else is the same 404. Only for operations whose credential is `fresh`: another tenant's object cannot compare it.
 */
export async function targetTenant(
  deps: Deps,
  call: Pick<Call, "actor" | "access" | "tenant">,
  id: TenantId,
): Promise<{ state: TenantState; access: Access }> {
  if (id === call.tenant.id) return { state: call.tenant, access: call.access };
  if (!call.actor.cell_operator) throw new ProblemError("not-found");
  const found = await deps.tenants.lookup(id, null);
  if (!found.ok) throw new ProblemError("not-found");
  const { state } = found.value;
  return { state, access: { kid: null, versions: { credential: 0, ...state.versions } } };
}

/** Tenants are the cell operators' to create and list, whatever roles a tenant's own keys have. */
export function requireCellOperator({ actor }: Pick<Call, "actor">): void {
  if (!actor.cell_operator) throw new ProblemError("forbidden");
}
