import { TenantObject, UpdateTenant } from "../../../shared/contracts/http/tenants.ts";
import type { TenantPatch } from "../../../shared/contracts/ports/tenant-store.ts";
import { ProblemError } from "../../problem.ts";
import { JSON_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { TenantPath } from "./get.ts";
import { targetTenant } from "./target.ts";
import { tenantObject } from "./view.ts";

/** Settings are the tenant administrators'; suspension and the compliance lock are the cell operators'. */
export const updateTenant = operation({
  id: "tenants.update",
  method: "patch",
  path: "/v1/tenants/{tenant_id}",
  action: "tenant:update",
  gate: "governed",
  credential: "fresh",
  effect: "reversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  ...JSON_INPUT,
  params: TenantPath,
  body: UpdateTenant,
  success: [200, TenantObject, "The tenant as it now is; in force for the next call."],
  problems: ["not-found", "tenant-locked", "tenant-suspended"],
  summary: "Change, suspend, resume or lock a tenant",
  tag: "Tenants",
  resource: { kind: "tenant", param: "tenant_id" },
  async execute(deps, call) {
    const { suspended, locked } = call.body;
    if ((suspended !== undefined || locked !== undefined) && !call.actor.cell_operator)
      throw new ProblemError("forbidden", { detail: "Only operators of the cell suspend, resume, lock and unlock." });
    const { access } = await targetTenant(deps, call, call.params.tenant_id);
    const patch = Object.fromEntries(
      Object.entries(call.body).filter(([, member]) => member !== undefined),
    ) as TenantPatch; // safe because: the schema bounds names and types
    const state = unwrap(await deps.tenants.change(call.params.tenant_id, { access, by: call.by }, patch));
    call.runtime.defer(deps.control.registerTenant(state));
    return value(tenantObject(state, deps.cell));
  },
});
