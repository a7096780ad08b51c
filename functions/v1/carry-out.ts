import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Obligation } from "../../shared/contracts/policy/obligations.ts";
import type { Call, Deps } from "../context.ts";
import { disclaim } from "../inference/obligations/disclaimer.ts";
import type { Operation } from "./operation.ts";

/** A duty of an operation that is no inference view could not be carried out: the call is refused. */
export class ObligationFailed extends Error {
  override readonly name = "ObligationFailed";
}

type Carried = Pick<Operation, "id" | "action" | "effect" | "enforces">;

/**
 * Carries out what a decision obliges to and the operation does not enforce by itself: a disclaimer goes on every answer,
 * and full audit leaves an entry of its own in the tenant's ledger before anything is done. Throws `ObligationFailed`.
 */
export async function carryOut(deps: Deps, operation: Carried, call: Call): Promise<void> {
  const { obligations } = call.decided.decision;
  const left = obligations.filter(({ id }) => !operation.enforces?.includes(id));
  disclaim(left, call.reply);
  for (const obligation of left)
    if (obligation.id === "audit_level" && obligation.params.level === "full")
      await audit(deps, operation, call, obligations);
}

async function audit(deps: Deps, operation: Carried, call: Call, obligations: readonly Obligation[]): Promise<void> {
  const { kind, id } = call.policyInput.resource;
  const detail: JsonObject = {
    operation: operation.id,
    resource: id === null ? kind : `${kind}/${id}`,
    audit: "full",
    obligations: obligations.map((obligation) => obligation.id),
  };
  const recorded = await deps.tenants.record(call.actor.scopes.tenant, {
    kind: operation.effect === "read" ? "data.read" : "data.changed",
    action: operation.action,
    by: call.by,
    detail,
    dedupe: `audit:${call.request}`,
  });
  if (!recorded.ok) throw new ObligationFailed(`audit_level: ${recorded.error.reason}`);
}
