import type { z } from "zod";
import type { LayerQuery } from "../../../shared/contracts/http/policies.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { PolicyLayer } from "../../../shared/contracts/ports/policy-store.ts";
import type { Change } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Call, Deps } from "../../context.ts";
import { requireCellOperator, targetTenant } from "../tenants/target.ts";

export interface TargetLayer {
  layer: PolicyLayer;
  change: Change;
}

/**
 * The layer that a call means, with access to it: the caller's own tenant's, for operators of the cell any tenant's (so that
 * a policy which locked its own administrators out can be taken back), or the cell's, which is theirs alone.
 */
export async function targetLayer(
  deps: Deps,
  call: Pick<Call, "actor" | "access" | "tenant" | "by">,
  { layer, tenant }: z.infer<typeof LayerQuery>,
): Promise<TargetLayer> {
  const { access, by } = call;
  if (layer === "cell") {
    requireCellOperator(call);
    return { layer: { layer: "cell" }, change: { access, by } };
  }
  const id: TenantId = tenant ?? call.tenant.id;
  const target = await targetTenant(deps, call, id);
  return { layer: { layer: "tenant", tenant: id }, change: { access: target.access, by } };
}
