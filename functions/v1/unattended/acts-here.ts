import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Deps } from "../../context.ts";

/** Whether this cell does what nobody waits for of a tenant: it lives here, or leaves and what runs is finished. */
export const actsFor = ({ move }: TenantState): boolean => move === undefined || move.phase === "leaving";

/** The same, asked live: what is not known here is just being written, or does not come after all. */
export async function actsHere({ tenants }: Pick<Deps, "tenants">, tenant: TenantId): Promise<boolean> {
  const found = await tenants.lookup(tenant, null);
  return found.ok && actsFor(found.value.state);
}
