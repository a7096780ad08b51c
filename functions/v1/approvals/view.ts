import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { ApprovalSummary } from "../../../shared/contracts/http/approvals.ts";
import type { Operation } from "../operation.ts";
import { rfc3339 } from "../time.ts";

/** An approval for its readers, without credentials and without what is asked. `operation`: the one that is asked for. */
export function approvalView(
  record: ApprovalRecord,
  operation: Pick<Operation, "effect" | "summary"> | null = null,
): ApprovalSummary {
  const { id, state, task, subject, requester, reasons, demands, verdicts, resource, outcome } = record;
  const self = `/v1/approvals/${id}`;
  return {
    object: "approval",
    id,
    state,
    task_id: task,
    operation: record.operation,
    action: record.action,
    effect: operation?.effect ?? null,
    summary: operation?.summary ?? null,
    resource,
    requester: {
      subject: requester.subject,
      workspace: requester.workspace,
      project: requester.project,
      environment: requester.environment,
    },
    reasons,
    demands: demands.map(({ layer, approvers, role, edit }) => ({ layer, approvers, role, edit })),
    verdicts: verdicts.map(({ layer, subject: by, roles, verdict, comment, at_ms }) => ({
      layer,
      subject: by,
      roles,
      verdict,
      comment,
      at: rfc3339(at_ms),
    })),
    digest: subject.digest,
    created_at: rfc3339(record.created_ms),
    expires_at: rfc3339(record.expires_ms),
    decided_at: rfc3339(record.decided_ms),
    finished_at: rfc3339(record.finished_ms),
    outcome,
    links: { self, task: `/v1/tasks/${task}`, result: `${self}/result` },
  };
}
