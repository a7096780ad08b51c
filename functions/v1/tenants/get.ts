import { z } from "zod";
import { TenantObject } from "../../../shared/contracts/http/tenants.ts";
import { TenantId } from "../../../shared/contracts/ids.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { targetTenant } from "./target.ts";
import { tenantObject } from "./view.ts";

export const TenantPath = z.strictObject({ tenant_id: TenantId });

export const getTenant = operation({
  ...READ,
  id: "tenants.get",
  path: "/v1/tenants/{tenant_id}",
  action: "tenant:read",
  gate: "governed",
  credential: "fresh",
  params: TenantPath,
  success: [200, TenantObject, "Settings and state of the tenant."],
  problems: ["not-found"],
  summary: "Get a tenant",
  tag: "Tenants",
  resource: { kind: "tenant", param: "tenant_id" },
  async execute(deps, call) {
    const { state } = await targetTenant(deps, call, call.params.tenant_id);
    return value(tenantObject(state, deps.cell));
  },
});
