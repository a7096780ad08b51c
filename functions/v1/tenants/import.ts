import {
  ActivateTenant,
  ImportTenant,
  MovePath,
  PartPath,
  StagedPart,
  TenantImport,
} from "../../../shared/contracts/http/tenant-moves.ts";
import { TenantObject } from "../../../shared/contracts/http/tenants.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ProblemError } from "../../problem.ts";
import { operation, value } from "../operation.ts";
import {
  ARCHIVE_INPUT,
  MOVE_PROBLEMS,
  MOVE_RESOURCE,
  MOVING,
  moveObject,
  movesOf,
  step,
  transferKeyOf,
} from "./moving.ts";
import { tenantObject } from "./view.ts";

export const putImportPart = operation({
  ...MOVING,
  id: "tenants.import.part",
  method: "put",
  path: "/v1/tenants/{tenant_id}/import/{sha256}",
  action: "tenant:create",
  effect: "reversible-write",
  retry: "safe",
  kind: "unary",
  media: "application/octet-stream",
  bodyBytesMax: LIMITS.movedPartSealedBytesMax,
  params: PartPath,
  success: [200, StagedPart, "The part, kept until the tenant is live or the import is called off."],
  problems: [...MOVE_PROBLEMS],
  summary: "Send a part of an archive",
  resource: MOVE_RESOURCE,
  async execute(deps, call) {
    const { tenant_id, sha256 } = call.params;
    await step(movesOf(deps, call, tenant_id).stage(tenant_id, sha256, call.rawBody));
    return value({ object: "tenant.import.part", sha256 });
  },
});

export const importTenant = operation({
  ...MOVING,
  ...ARCHIVE_INPUT,
  id: "tenants.import",
  method: "post",
  path: "/v1/tenants/{tenant_id}/import",
  action: "tenant:create",
  effect: "reversible-write",
  retry: "safe",
  kind: "unary",
  params: MovePath,
  body: ImportTenant,
  success: [
    200,
    TenantImport,
    "How far it is. The same call goes on with it, until the move's phase is `arrived`: whole, verified, and not live.",
  ],
  problems: [...MOVE_PROBLEMS],
  summary: "Import a tenant",
  resource: MOVE_RESOURCE,
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const { manifest, keys, transfer_key } = call.body;
    const archive = { manifest, keys, transfer_key: transferKeyOf(transfer_key) };
    const { move, ...state } = await step(movesOf(deps, call, tenant_id).import(tenant_id, archive));
    return value({ object: "tenant.import", move: move === null ? null : moveObject(tenant_id, move), ...state });
  },
});

export const activateTenant = operation({
  ...MOVING,
  ...ARCHIVE_INPUT,
  id: "tenants.activate",
  method: "post",
  path: "/v1/tenants/{tenant_id}/activate",
  action: "tenant:create",
  effect: "irreversible-write",
  retry: "safe",
  kind: "unary",
  params: MovePath,
  body: ActivateTenant,
  success: [200, TenantObject, "The tenant, live here."],
  problems: [...MOVE_PROBLEMS],
  summary: "Take an imported tenant up",
  resource: MOVE_RESOURCE,
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
