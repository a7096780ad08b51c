import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { Access, TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError, StaleAccess } from "../../problem.ts";

/**
 * The tenant that a path names, with access to it. Callers reach their own tenant; operators of the cell reach any,
 * after their key was checked once more against its own tenant's object. Everything else is the same 404.
 */
export async function targetTenant(
  deps: Deps,
  call: Pick<Call, "actor" | "access" | "tenant">,
  id: TenantId,
): Promise<{ state: TenantState; access: Access }> {
  if (id === call.tenant.id) return { state: call.tenant, access: call.access };
  if (!call.actor.cell_operator) throw new ProblemError("not-found");
  await requireLiveOperator(deps, call);
  const found = await deps.tenants.lookup(id, null);
  if (!found.ok) throw new ProblemError("not-found");
  const { state } = found.value;
  return { state, access: { kid: null, versions: { credential: 0, ...state.versions } } };
}

/** Operators act outside their own tenant's object, so their key's version is compared there first. */
export async function requireLiveOperator(
  deps: Deps,
  { actor, access, tenant }: Pick<Call, "actor" | "access" | "tenant">,
): Promise<void> {
  if (!actor.cell_operator) throw new ProblemError("forbidden");
  if (access.kid === null) return; // selected by X-Tenant: the authenticator compared it for this very call
  const home = await deps.tenants.lookup(tenant.id, access.kid);
  const key = home.ok ? home.value.key : null;
  if (key === null || key.version !== access.versions.credential || key.revoked_ms !== null)
    throw new StaleAccess("credential");
}
