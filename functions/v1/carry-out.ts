import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Obligation } from "../../shared/contracts/policy/obligations.ts";
import type { Call, Deps } from "../context.ts";
import { disclaim } from "../inference/obligations/disclaimer.ts";
import { ofKind } from "../inference/obligations/duties.ts";
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
  disclaim(left, call.reply, call.outcomes);
  for (const duty of ofKind(left, "audit_level")) {
    const problem = await auditDuty(deps, operation, call, duty);
    if (problem) throw problem;
  }
}

/** An entry of its own in the tenant's ledger under full audit, durable before this resolves; the failure, if there is one. */
export async function auditDuty(
  deps: Pick<Deps, "tenants">,
  operation: Pick<Operation, "id" | "action" | "effect">,
  call: Call,
  duty: Extract<Obligation, { id: "audit_level" }>,
  more: JsonObject = {},
): Promise<ObligationFailed | null> {
  if (duty.params.level !== "full") {
    call.outcomes.applied(duty, duty.params.level);
    return null;
  }
  const { kind, id } = call.policyInput.resource;
  const detail: JsonObject = {
    operation: operation.id,
    resource: id === null ? kind : `${kind}/${id}`,
    audit: "full",
    obligations: call.decided.decision.obligations.map((obligation) => obligation.id),
    ...more,
  };
  const recorded = await deps.tenants.record(call.actor.scopes.tenant, {
    kind: operation.effect === "read" ? "data.read" : "data.changed",
    action: operation.action,
    by: call.by,
    detail,
    dedupe: `audit:${call.request}`,
  });
  if (recorded.ok) {
    call.outcomes.applied(duty, `full, entry ${recorded.value.seq}`);
    return null;
  }
  call.outcomes.failed(duty, recorded.error.reason);
  return new ObligationFailed(`audit_level: ${recorded.error.reason}`);
}
