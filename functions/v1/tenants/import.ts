import {
  ActivateTenant,
  ImportTenant,
  PartPath,
  StagedPart,
  TenantImport,
} from "../../../shared/contracts/http/tenant-moves.ts";
import { TenantObject } from "../../../shared/contracts/http/tenants.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ProblemError } from "../../problem.ts";
import { operation, value } from "../operation.ts";
import { ARCHIVE_INPUT, MOVE_STEP, moveObject, movesOf, step, transferKeyOf } from "./moving.ts";
import { tenantObject } from "./view.ts";

export const putImportPart = operation({
  ...MOVE_STEP,
  id: "tenants.import.part",
  method: "put",
  path: "/v1/tenants/{tenant_id}/import/{sha256}",
  action: "tenant:create",
  effect: "reversible-write",
  media: "application/octet-stream",
  bodyBytesMax: LIMITS.movedPartSealedBytesMax,
  params: PartPath,
  success: [200, StagedPart, "The part, kept until the tenant is live or the import is called off."],
  summary: "Send a part of an archive",
  async execute(deps, call) {
    const { tenant_id, sha256 } = call.params;
    await step(movesOf(deps, call, tenant_id).stage(tenant_id, sha256, call.rawBody));
    return value({ object: "tenant.import.part", sha256 });
  },
});

export const importTenant = operation({
  ...MOVE_STEP,
  ...ARCHIVE_INPUT,
  id: "tenants.import",
  path: "/v1/tenants/{tenant_id}/import",
  action: "tenant:create",
  effect: "reversible-write",
  body: ImportTenant,
  success: [
    200,
    TenantImport,
    "How far it is. The same call goes on with it, until the move's phase is `arrived`: whole, verified, and not live.",
  ],
  summary: "Import a tenant",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const { manifest, keys, transfer_key } = call.body;
    const archive = { manifest, keys, transfer_key: transferKeyOf(transfer_key) };
    const { move, ...state } = await step(movesOf(deps, call, tenant_id).import(tenant_id, archive));
    return value({ object: "tenant.import", move: move === null ? null : moveObject(tenant_id, move), ...state });
  },
});

export const activateTenant = operation({
  ...MOVE_STEP,
  ...ARCHIVE_INPUT,
  id: "tenants.activate",
  path: "/v1/tenants/{tenant_id}/activate",
  action: "tenant:create",
  effect: "irreversible-write",
  body: ActivateTenant,
  success: [200, TenantObject, "The tenant, live here."],
  summary: "Take an imported tenant up",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    await step(movesOf(deps, call, tenant_id).activate(tenant_id, call.body, call.by));
    const found = await deps.tenants.lookup(tenant_id, null);
    if (!found.ok) throw new ProblemError("not-found");
    const { state } = found.value;
    call.runtime.defer(deps.control.registerTenant(state));
    return value(tenantObject(state, deps.cell));
  },
});
