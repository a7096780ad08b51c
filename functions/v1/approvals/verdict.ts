import { requestersOf } from "../../../policies/decide/approvals.ts";
import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import type { VerdictRefusal } from "../../../shared/contracts/ports/approval-store.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { recordRefusal } from "../ask-policy.ts";
import { denied } from "../enforce.ts";
import { unwrap } from "../refusals.ts";
import { editedCall } from "./edited-call.ts";
import { keepWaiting, openWaiting, proposalDigest, type WaitingCall } from "./proposal.ts";
import { layersOf, mayDecide, type Reached } from "./reach.ts";

export interface GivenVerdict {
  verdict: "approve" | "reject";
  /** Of what the approver looked at. */
  digest: string;
  comment: string | null;
  /** The body that is approved in place of the one that was asked for; null: as it was asked. */
  edited: { body: JsonValue } | null;
}

/**
 * One verdict of the caller, durable and ledgered before it is answered; the last one that was missing starts the run.
 * Repeated by the same approver it changes nothing, and starts a run that a crash kept from starting. Never by anybody in
 * whose name the request was made. Throws `ProblemError`.
 */
export async function giveVerdict(
  deps: Deps,
  call: Call,
  reached: Reached,
  given: GivenVerdict,
): Promise<ApprovalRecord> {
  const { actor } = call;
  const { state, record } = reached;
  if (record.state !== "pending") return repeated(deps, call, reached, given);
  if (!mayDecide(actor, state.id, record)) throw await refused(deps, call, "not_an_approver");
  if (given.edited && !record.demands.every(({ edit }) => edit)) throw await refused(deps, call, "edit_not_allowed");
  if (given.digest !== record.subject.digest) throw new ProblemError("approval-digest-mismatch");
  const waiting = await openWaiting(deps, state, record);
  if (!waiting.ok) throw notPending(record);
  if (inOneName(call, waiting.value)) throw await refused(deps, call, "own_request");
  const edited = given.edited ? await keepEdited(deps, reached, waiting.value, given.edited.body) : null;
  const decided = await deps.tenants.decideApproval(state.id, { access: reached.access, by: call.by }, record.id, {
    subject: actor.subject,
    credential: actor.credential,
    roles: actor.roles,
    acting_for: actor.act.map(({ subject }) => subject),
    made_by: [...call.madeBy],
    layers: layersOf(actor, state.id),
    verdict: given.verdict,
    comment: given.comment,
    digest: given.digest,
    edited,
  });
  if (!decided.ok) throw await problemOf(deps, call, record, decided.error);
  deps.telemetry.metrics.count("bailiwick_approvals_total", {
    outcome: given.verdict === "reject" ? "rejected" : "approved",
  });
  return started(deps, reached, decided.value);
}

/** If we crashed between the last verdict and the start, or right here, the same verdict again starts the run. */
async function started(deps: Deps, { state }: Reached, record: ApprovalRecord): Promise<ApprovalRecord> {
  if (record.state !== "approved") return record;
  const run = await deps.tasks.startRun(state.id, record.task);
  if (!run.ok) throw new Error(`approval ${record.id} has nothing to run: ${run.error.reason}`);
  return record;
}

/** What the same approver said before stands; anything else comes too late. */
async function repeated(deps: Deps, call: Call, reached: Reached, given: GivenVerdict): Promise<ApprovalRecord> {
  const { record, state } = reached;
  const ended = given.verdict === "reject" ? ["rejected"] : ["approved", "running", "done"];
  const said = record.verdicts.some(
    ({ subject, verdict }) => subject === call.actor.subject && verdict === given.verdict,
  );
  if (!said || !ended.includes(record.state)) throw notPending(record);
  if (given.edited) {
    const waiting = await openWaiting(deps, state, record);
    if (!waiting.ok) throw notPending(record);
    const dataKey = await deps.keyring.openDataKey(state.id, state.data_key);
    const again = editedCall(deps.operation(record.operation), waiting.value, given.edited.body);
    if (proposalDigest(dataKey, again.proposal) !== record.subject.digest) throw notPending(record);
  } else if (given.digest !== record.subject.digest) throw notPending(record);
  return started(deps, reached, record);
}

/** Keeps the changed request beside the first one, before anybody approves it; answers its digest. */
async function keepEdited(
  deps: Deps,
  { state, record }: Reached,
  waiting: WaitingCall,
  body: JsonValue,
): Promise<string> {
  const changed = editedCall(deps.operation(record.operation), waiting, body);
  const dataKey = await deps.keyring.openDataKey(state.id, state.data_key);
  const digest = proposalDigest(dataKey, changed.proposal);
  const kept = await keepWaiting(deps, state, record.task, changed, {
    digest,
    expires_ms: record.expires_ms,
    notify: false,
  });
  if (!kept.ok)
    throw new ProblemError("invalid-request", { param: "body", detail: "The changed request is too large." });
  return digest;
}

/** Approver and requester are one, by themselves, through whom either acts for, or because the requester made the approver's key. */
function inOneName({ actor, madeBy }: Pick<Call, "actor" | "madeBy">, waiting: WaitingCall): boolean {
  const asking = requestersOf(waiting.actor);
  return [...requestersOf(actor), ...madeBy].some((subject) => asking.includes(subject));
}

async function problemOf(deps: Deps, call: Call, record: ApprovalRecord, error: VerdictRefusal): Promise<ProblemError> {
  switch (error.reason) {
    case "not_pending":
      return notPending({ ...record, state: error.state });
    case "digest_mismatch":
      return new ProblemError("approval-digest-mismatch");
    case "own_request":
    case "not_an_approver":
      return refused(deps, call, error.reason);
    default:
      return unwrap({ ok: false, error });
  }
}

const notPending = ({ state }: Pick<ApprovalRecord, "state">): ProblemError =>
  new ProblemError("approval-not-pending", { detail: `The approval is ${state}.`, members: { state } });

/** The denial of somebody who may not decide this; in their tenant's ledger before they hear it. */
async function refused(deps: Deps, call: Call, reason: string): Promise<ProblemError> {
  const problem = denied([reason]);
  await recordRefusal(deps, call, problem);
  return problem;
}
