import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ApprovalEvidence } from "../../../shared/contracts/ports/policy.ts";
import type { Call, Deps } from "../../context.ts";
import { idempotencyClaim } from "../../inference/commitments.ts";
import { ProblemError } from "../../problem.ts";
import { denied } from "../enforce.ts";
import type { Operation, Reply } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { mayWait } from "./may-wait.ts";
import { keepWaiting, proposalDigest, waitingCall } from "./proposal.ts";
import { waitingAnswer } from "./waiting-answer.ts";

/** What the seam gives: `record` ledgers that the call was held back, `proceed` goes on with what was approved. */
interface Ways {
  record(refusal: ProblemError): Promise<void>;
  proceed(approval: ApprovalEvidence): Promise<Reply>;
}

/**
 * A call that somebody must approve first waits durably: sealed in its task's object, then asked for in one transaction
 * of its tenant's. The same request again finds what waits; with the key of the request that asked, it gets the run's
 * outcome, and never starts the run itself. Throws `ProblemError`.
 */
export async function approvalRequired(deps: Deps, operation: Operation, call: Call, ways: Ways): Promise<Reply> {
  const held = async (refusal: ProblemError): Promise<never> => {
    await ways.record(refusal);
    throw refusal;
  };
  if (!mayWait(operation)) return held(denied(["approval_unsupported"]));
  const { tenant, access, actor } = call;
  const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
  const waiting = waitingCall(operation, call);
  const digest = proposalDigest(dataKey, waiting.proposal);
  const key_hash =
    call.idempotencyKey === null ? null : idempotencyClaim(dataKey, operation.id, call.idempotencyKey, call).key_hash;
  const wanted = { digest, subject: actor.subject, key_hash };
  const found = unwrap(await deps.tenants.findApproval(tenant.id, access, wanted));
  if (found?.state === "approved" || found?.state === "running")
    throw new ProblemError("idempotency-in-progress", {
      retryAfterMs: LIMITS.inProgressRetryMs,
      members: { task: found.task, task_url: `/v1/tasks/${found.task}` },
    });
  if (found?.state === "done") {
    const agoMs = deps.clock.now() - (found.finished_ms ?? 0);
    // A run that was admitted answers by its key; one that was refused before leaves nothing to be given out. Once the
    // key may be free, what was approved would run a second time: then somebody must approve again.
    if (agoMs < LIMITS.idempotencyRowMsMax && (await deps.tenants.task(tenant.id, access, found.task)).ok) {
      if (agoMs < LIMITS.idempotentResultMsMax) return ways.proceed(evidenceOf(found));
      throw new ProblemError("idempotency-result-expired", {
        members: { task: found.task, task_url: `/v1/tasks/${found.task}` },
      });
    }
  }
  const pending = found?.state === "pending" ? found : await ask(deps, operation, call, { waiting, ...wanted }, held);
  return waitingAnswer(deps, operation, call, pending, ways.record);
}

/** What an approval proves to policy: who granted it, for which layer. */
export const evidenceOf = ({ subject, verdicts }: Pick<ApprovalRecord, "subject" | "verdicts">): ApprovalEvidence => ({
  digest: subject.digest,
  granted: verdicts
    .filter(({ verdict }) => verdict === "approve")
    .map(({ layer, subject: approver, roles }) => ({ layer, subject: approver, roles })),
});

async function ask(
  deps: Deps,
  operation: Operation,
  call: Call,
  wanted: { waiting: ReturnType<typeof waitingCall>; digest: string; key_hash: string | null },
  held: (refusal: ProblemError) => Promise<never>,
): Promise<ApprovalRecord> {
  const { tenant, access, actor, by, decided, policyInput, snapshot } = call;
  const life = snapshot.tenants[tenant.id]?.approvals;
  const expires_ms = (deps.clock.now() + (life?.life_ms ?? LIMITS.approvalMsDefault)) as UnixMs; // safe because: milliseconds plus milliseconds
  // If we crash after this, what is sealed is forgotten at its hour and nobody was asked.
  const kept = await keepWaiting(deps, tenant, call.task, wanted.waiting, {
    digest: wanted.digest,
    expires_ms,
    notify: life?.webhook !== undefined && life.webhook !== null,
  });
  if (!kept.ok) return held(denied(["approval_too_large"]));
  const asked = await deps.tenants.requestApproval(
    tenant.id,
    { access, by },
    {
      id: deps.ids.mint("apr"),
      task: call.task,
      subject: { kind: "operation", digest: wanted.digest },
      operation: operation.id,
      action: operation.action,
      resource: policyInput.resource,
      requester: {
        subject: actor.subject,
        credential: actor.credential,
        workspace: actor.scopes.workspace,
        project: actor.scopes.project,
        environment: actor.scopes.environment,
        acting_for: actor.act.map(({ subject }) => subject),
        made_by: [...call.madeBy],
      },
      reasons: decided.decision.reasons,
      demands: decided.decision.approvals,
      key_hash: wanted.key_hash,
      expires_ms,
    },
  );
  return unwrap(asked, { limit: "Too many requests of this tenant wait for approval." });
}
