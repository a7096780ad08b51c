import type { Decided, PolicyInput } from "../../shared/contracts/decision.ts";
import { type ApprovalEvidence, PolicyUnavailable } from "../../shared/contracts/ports/policy.ts";
import type { Access, RecordedDecision } from "../../shared/contracts/ports/tenant-store.ts";
import type { Call, Deps, Undecided } from "../context.ts";
import { ProblemError, StaleAccess } from "../problem.ts";
import type { Operation, Prepared } from "./operation.ts";

/** What policy is asked about a call: facts alone, each from a source that its caller cannot bend. */
export function policyInputOf(
  operation: Operation,
  deps: Deps,
  call: Undecided,
  prepared: Prepared,
  point: PolicyInput["point"],
): PolicyInput {
  const name = operation.resource.param;
  // safe because: the seam parsed the parameters with the operation's schema, an object
  const id = name === undefined ? null : String((call.params as Record<string, unknown> | undefined)?.[name] ?? "");
  // In the order of canonical JSON, so that nothing is left to sort when it is digested.
  return {
    action: operation.action,
    actor: call.actor,
    candidates: [...prepared.candidates],
    cell: { id: deps.cell.id, jurisdiction: deps.cell.jurisdiction },
    classification: call.labels.classification,
    effect: operation.effect,
    features: prepared.features,
    ...(prepared.grants ? { grants: [...prepared.grants] } : {}),
    intent: prepared.intent,
    markings: [...call.labels.markings],
    operation: operation.id,
    point,
    privacy: call.privacy,
    purpose: call.labels.purpose,
    resource: { id, kind: operation.resource.kind },
    schema_version: 1,
    scopes: call.actor.scopes,
  };
}

/** The decision. Without a live policy the call is refused with 503, ledgered as far as its tenant's object can be reached. */
export async function askPolicy(
  deps: Deps,
  call: Undecided,
  input: PolicyInput,
  approval: ApprovalEvidence | null,
): Promise<Decided> {
  const basis = { tenant_version: call.access.versions.policy, ...(approval ? { approval } : {}) };
  return live(deps, call, input.action, () => deps.policy.decide(input, basis));
}

/** One decision for each question about resources of a list, in order, over one state of the policy; otherwise as `askPolicy`. */
export async function askPolicies(deps: Deps, call: Call, inputs: readonly PolicyInput[]): Promise<Decided[]> {
  const basis = { tenant_version: call.access.versions.policy };
  return live(deps, call, call.policyInput.action, () => deps.policy.decideMany(inputs, basis));
}

async function live<T>(deps: Deps, call: Undecided, action: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    if (!(thrown instanceof PolicyUnavailable)) throw thrown;
    deps.telemetry.metrics.count("bailiwick_policy_unavailable_total", {});
    await noteRefused(deps, call, { action, slug: "policy-unavailable", reason: "policy_unavailable" });
    throw new ProblemError("policy-unavailable", { retryAfterMs: 1000 }, { cause: thrown });
  }
}

/**
 * Ledgers the refusal of a caller about whom nothing was decided. It stands whether or not it can be written: the same
 * outage may have taken the tenant's object with it.
 */
export async function noteRefused(
  deps: Pick<Deps, "telemetry" | "tenants">,
  { by, task, access, actor }: Pick<Undecided, "by" | "task" | "access" | "actor">,
  { action, slug, reason }: { action: string; slug: string; reason: string },
): Promise<void> {
  deps.telemetry.metrics.count("bailiwick_refusals_total", { reason: slug });
  try {
    const recorded = await deps.tenants.refuse(actor.scopes.tenant, access, { by, task, action, reason });
    if (!recorded.ok) deps.telemetry.log.warn("refusal.unrecorded", { task, reason: recorded.error.reason });
  } catch (cause) {
    deps.telemetry.log.error("refusal.unrecorded", cause, { task });
  }
}

/** One durable call; the entry is in the tenant's ledger before the caller hears the refusal. Throws `StaleAccess`. */
export async function recordRefusal(
  deps: Pick<Deps, "telemetry" | "tenants">,
  call: Call,
  refusal: ProblemError,
): Promise<void> {
  const { decided, policyInput, actor, access, by, task } = call;
  deps.telemetry.metrics.count("bailiwick_refusals_total", { reason: refusal.slug });
  const recorded = await deps.tenants.refuse(actor.scopes.tenant, access satisfies Access, {
    by,
    task,
    action: policyInput.action,
    reason: reasonOf(decided, refusal),
    decision: withOutcomes(call),
  });
  if (!recorded.ok) throw new StaleAccess(recorded.error.reason);
}

/** The decision as it is kept, with how its obligations ended so far. */
function withOutcomes({ decisionRecord, outcomes }: Pick<Call, "decisionRecord" | "outcomes">): RecordedDecision {
  const obligations = outcomes.list();
  return obligations.length === 0 ? decisionRecord : { ...decisionRecord, obligations };
}

/**
 * Keeps the decision of a call that is not admitted, with how its obligations ended so far; again, when more of them have
 * ended. One durable call. Throws `StaleAccess`.
 */
export async function keepDecided(
  deps: Pick<Deps, "tenants">,
  call: Pick<Call, "actor" | "access" | "decisionRecord" | "outcomes">,
): Promise<void> {
  const kept = await deps.tenants.keepDecision(call.actor.scopes.tenant, call.access, withOutcomes(call));
  if (!kept.ok) throw new StaleAccess(kept.error.reason);
}

/** What refused: an obligation of an allowed call refuses by its own code, not by why the call was allowed. */
function reasonOf({ decision }: Decided, refusal: ProblemError): string {
  const told = refusal.extensions.members?.reasons;
  const [first] = Array.isArray(told) ? told : decision.reasons;
  return typeof first === "string" ? first : refusal.slug;
}
