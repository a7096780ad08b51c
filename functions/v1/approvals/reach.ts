import type { Actor } from "../../../shared/contracts/actor.ts";
import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { PolicyLayerName } from "../../../shared/contracts/decision.ts";
import type { ApprovalId, TenantId } from "../../../shared/contracts/ids.ts";
import type { Access, TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { unwrap } from "../refusals.ts";
import { targetTenant } from "../tenants/target.ts";

/** Roles that look at a tenant's approvals, whoever asked. */
const READERS: readonly string[] = ["admin", "approver", "auditor", "operator"];

type Reader = Pick<Actor, "cell_operator" | "kid" | "roles" | "scopes" | "subject">;

const inTenant = ({ scopes }: Reader, tenant: TenantId): boolean => scopes.tenant === tenant;

export const seesAll = (actor: Reader, tenant: TenantId): boolean =>
  actor.cell_operator || (inTenant(actor, tenant) && actor.roles.some((role) => READERS.includes(role)));

export const isRequester = (actor: Reader, tenant: TenantId, { requester }: Pick<ApprovalRecord, "requester">) =>
  inTenant(actor, tenant) && actor.subject === requester.subject;

/**
 * The layers that an actor may speak for: the cell's when they operate it, a tenant's when they are of it. An operator who
 * selected another tenant is not of it: their credential is known there without a key.
 */
export function layersOf(actor: Reader, tenant: TenantId): PolicyLayerName[] {
  const own = inTenant(actor, tenant) && !(actor.cell_operator && actor.kid === null);
  return [...(actor.cell_operator ? (["cell"] as const) : []), ...(own ? (["tenant"] as const) : [])];
}

/** Whether some demand is this actor's to satisfy, or to refuse. */
export function mayDecide(actor: Reader, tenant: TenantId, { demands }: Pick<ApprovalRecord, "demands">): boolean {
  const layers = layersOf(actor, tenant);
  return demands.some(({ layer, role }) => layers.includes(layer) && actor.roles.includes(role));
}

/** A tenant with access to it, and an approval of it. */
export interface Reached {
  state: TenantState;
  access: Access;
  record: ApprovalRecord;
}

/** The approval that a path names. One of another tenant, one that is not theirs to see, and none are the same 404. */
export async function reach(
  deps: Deps,
  call: Pick<Call, "actor" | "access" | "tenant">,
  id: ApprovalId,
  tenant: TenantId = call.tenant.id,
): Promise<Reached> {
  const { state, access } = await targetTenant(deps, call, tenant);
  const record = unwrap(await deps.tenants.approval(state.id, access, id));
  const { actor } = call;
  if (!seesAll(actor, state.id) && !isRequester(actor, state.id, record) && !mayDecide(actor, state.id, record))
    throw new ProblemError("not-found");
  return { state, access, record };
}
