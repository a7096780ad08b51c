import { LeaveTenant, TenantMoveObject } from "../../../shared/contracts/http/tenant-moves.ts";
import { ProblemError } from "../../problem.ts";
import { DELETE, JSON_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { MOVE_STEP, MOVING, moveObject, movesOf, step } from "./moving.ts";

export const leaveCell = operation({
  ...MOVE_STEP,
  ...JSON_INPUT,
  id: "tenants.leave",
  path: "/v1/tenants/{tenant_id}/leave",
  action: "tenant:suspend",
  effect: "reversible-write",
  body: LeaveTenant,
  success: [200, TenantMoveObject, "Nothing of the tenant is admitted any more; what runs is finished."],
  summary: "Begin a tenant's move to another cell",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const left = await step(movesOf(deps, call, tenant_id).leave(tenant_id, call.body.to, call.by));
    return value(moveObject(tenant_id, left));
  },
});

/** Of the move itself: what is asked about it, and its end. */
const OF_MOVE = { ...MOVING, path: "/v1/tenants/{tenant_id}/move", action: "tenant:suspend" } as const;

export const getMove = operation({
  ...READ,
  ...OF_MOVE,
  id: "tenants.move.get",
  success: [200, TenantMoveObject, "Where the tenant stands on its way; 404 when it is live here."],
  summary: "Get a tenant's move",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const move = await step(movesOf(deps, call, tenant_id).state(tenant_id));
    if (move === null) throw new ProblemError("not-found");
    return value(moveObject(tenant_id, move));
  },
});

export const cancelMove = operation({
  ...DELETE,
  ...OF_MOVE,
  id: "tenants.move.cancel",
  success: [
    200,
    TenantMoveObject,
    "The move as it was. The tenant is live at its old home; at the new one nothing is left of it.",
  ],
  summary: "Call a tenant's move off",
  async execute(deps, call) {
    const { tenant_id } = call.params;
    const moves = movesOf(deps, call, tenant_id);
    const known = await moves.state(tenant_id);
    // Parts may lie here of an archive whose import never began, or what a crash left of one that was called off.
    if (!known.ok && known.error.reason === "unknown_tenant") await step(moves.cancel(tenant_id, call.by));
    const move = known.ok ? known.value : await step(moves.state(tenant_id));
    if (move === null) throw new ProblemError("not-found");
    await step(moves.cancel(tenant_id, call.by));
    return value(moveObject(tenant_id, move));
  },
});
