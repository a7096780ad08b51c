import type { PolicyInput } from "../../shared/contracts/decision.ts";
import type { ApprovalEvidence } from "../../shared/contracts/ports/policy.ts";
import type { Call, Deps, Incoming, Undecided } from "../context.ts";
import { Outcomes } from "../inference/obligations/outcomes.ts";
import { attributionOf } from "../pipeline/attribution.ts";
import { deadlineOf, deadlineUnder } from "../pipeline/deadline.ts";
import { decisionRecord } from "../pipeline/decision-record.ts";
import { idempotencyKeyOf } from "../pipeline/idempotency-key.ts";
import { labelsOf } from "../pipeline/labels.ts";
import { privacyUnder } from "../pipeline/pinned.ts";
import { privacyOf } from "../pipeline/privacy.ts";
import { step } from "../pipeline/step.ts";
import { ProblemError } from "../problem.ts";
import { approvalRequired } from "./approvals/approval-required.ts";
import { askPolicy, keepDecided, policyInputOf, recordRefusal } from "./ask-policy.ts";
import { carryOut, ObligationFailed } from "./carry-out.ts";
import { denied, refusalOf } from "./enforce.ts";
import type { Identified } from "./identify.ts";
import { NOTHING_PREPARED, type Operation, type Reply } from "./operation.ts";

/** What a call asks, parsed by its operation's schemas. */
export interface Input {
  params: unknown;
  query: unknown;
  body: unknown;
  rawBody: Uint8Array;
  upload?: AsyncIterable<Uint8Array> | undefined;
}

/** How a call came about: a caller asks, or what somebody approved is carried out. */
export interface Occasion {
  point: PolicyInput["point"];
  /** Who approved what is asked; policy counts it live. */
  approval: ApprovalEvidence | null;
  /** Nobody waits for the answer: what policy wants approved now is refused, not asked for. */
  unattended?: true;
  /** Durable before the effect: everything has allowed the call by then. */
  beforeEffect: ((call: Call) => Promise<void>) | null;
}
export const REQUESTED: Occasion = { point: "request", approval: null, beforeEffect: null };

/** The refusal of a tenant that may not be called this way now, or null. Operators of the cell may still help it. */
export function refuseState(operation: Operation, { actor, state }: Identified): ProblemError | null {
  if (actor.cell_operator) return null;
  if (state.suspended) return new ProblemError("tenant-suspended");
  return state.locked && operation.effect !== "read" ? new ProblemError("tenant-locked") : null;
}

/** Decides, enforces and executes; the refusal of an authenticated caller is recorded before it is thrown. */
export async function governed(
  operation: Operation,
  deps: Deps,
  incoming: Incoming,
  identified: Identified,
  input: Input,
  occasion: Occasion = REQUESTED,
): Promise<Reply> {
  const snapshot = deps.config.current();
  const { actor, access, state } = identified;
  const own = snapshot.tenants[state.id]?.labels;
  // Member by member: an object made of others costs many times as much, and this is the largest one of a call.
  const undecided: Undecided = {
    request: incoming.request,
    task: incoming.task,
    receivedMs: incoming.receivedMs,
    runtime: incoming.runtime,
    span: incoming.span,
    headers: incoming.headers,
    reply: incoming.reply,
    run: incoming.run,
    forwarded: incoming.forwarded,
    params: input.params,
    query: input.query,
    body: input.body,
    rawBody: input.rawBody,
    upload: input.upload,
    actor,
    access,
    tenant: state,
    snapshot,
    by: attributionOf(actor, incoming, deps.cell, snapshot.digest, null),
    madeBy: identified.madeBy ?? [],
    deadline: deadlineOf(incoming),
    idempotencyKey: operation.retry === "idempotency-key" ? idempotencyKeyOf(incoming.headers) : null,
    privacy: privacyOf(incoming.headers.get("x-bailiwick-privacy"), privacyUnder(state, actor.scopes.workspace)),
    labels: labelsOf(incoming.headers, [own]),
  };
  const prepared = operation.prepare ? await operation.prepare(deps, undecided) : NOTHING_PREPARED;
  if (prepared.labels.length > 0) undecided.labels = labelsOf(incoming.headers, [own, ...prepared.labels]);
  const policyInput = policyInputOf(operation, deps, undecided, prepared, occasion.point);
  const decided = await step(incoming.span, "decide", () => askPolicy(deps, undecided, policyInput, occasion.approval));
  const call: Call = Object.assign(undecided, {
    deadline: deadlineUnder(decided.decision, undecided),
    prepared: prepared.carry,
    approval: occasion.approval,
    decided,
    policyInput,
    decisionRecord: decisionRecord(decided, policyInput, {
      task: incoming.task,
      snapshot: snapshot.digest,
      atMs: incoming.receivedMs,
    }),
    outcomes: new Outcomes(),
    by: attributionOf(actor, incoming, deps.cell, snapshot.digest, decided),
  });
  const record = (refusal: ProblemError): Promise<void> => recordRefusal(deps, call, refusal);
  const refuse = async (refusal: ProblemError): Promise<never> => {
    await record(refusal);
    throw refusal;
  };
  const refusal = refusalOf(decided, operation);
  if (refusal) return refuse(refusal);
  if (decided.decision.decision === "REQUIRE_HITL") {
    // What was approved is not enough any more: nobody is asked again in the name of an old request.
    if (occasion.approval || occasion.unattended)
      return refuse(new ProblemError("approval-required", { members: { reasons: decided.decision.reasons } }));
    return approvalRequired(deps, operation, call, {
      record,
      proceed: (approval) => governed(operation, deps, incoming, identified, input, { ...REQUESTED, approval }),
    });
  }
  try {
    await carryOut(deps, operation, call);
  } catch (thrown) {
    if (thrown instanceof ObligationFailed) return refuse(denied(["obligation_failed"]));
    throw thrown;
  }
  if (keepsOwn(operation, call)) await keepDecided(deps, call);
  await occasion.beforeEffect?.(call);
  return operation.execute(deps, call);
}

/**
 * Inference keeps its decision with its admission. A change of the control plane keeps its own, so that it can be
 * explained, and so does a read that owed something; a read that owed nothing costs no durable call for it.
 */
const keepsOwn = ({ surface, effect }: Operation, { decided }: Call): boolean =>
  surface === undefined && (effect !== "read" || decided.decision.obligations.length > 0);
