import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import { PROBLEMS } from "../../../shared/contracts/problems.ts";
import { unreachable } from "../../../shared/contracts/result.ts";
import type { TaskRecord } from "../../../shared/contracts/task.ts";

type Progress = Pick<TaskRecord, "status" | "phase" | "finished_ms" | "error">;

const waits = (phase: TaskRecord["phase"]): Progress => ({ status: null, phase, finished_ms: null, error: null });

/** How far a task is that only its approval knows of. */
function progress({ state, outcome, decided_ms, expires_ms, finished_ms }: ApprovalRecord): Progress {
  const over = { phase: "done", finished_ms: finished_ms ?? decided_ms ?? expires_ms } as const;
  switch (state) {
    case "pending":
      return waits("awaiting_approval");
    case "approved":
      return waits("queued");
    case "running":
      return waits("running");
    case "rejected":
      return { ...over, status: "CANCELED", error: { code: "approval_rejected", message: "An approver refused it" } };
    case "expired":
      return {
        ...over,
        status: "CANCELED",
        error: { code: "approval_expired", message: "Nobody approved it in time" },
      };
    case "done": {
      const code = outcome?.code ?? null;
      if (code === null) return { ...over, status: "OK", error: null };
      const known = Object.values(PROBLEMS).find((problem) => problem.code === code);
      return { ...over, status: "ERROR", error: { code, message: known?.title ?? "The task failed" } };
    }
    default:
      return unreachable(state);
  }
}

/**
 * A task before its run was admitted, or whose operation admits none: nothing was routed, used or charged. Once it was
 * admitted, its own record tells more.
 */
export function waitingTask(approval: ApprovalRecord): TaskRecord {
  const { task, operation, created_ms, requester } = approval;
  return {
    id: task,
    operation,
    intent: null,
    model: null,
    ...progress(approval),
    created_ms,
    workspace: requester.workspace,
    project: requester.project,
    environment: requester.environment,
    subject: requester.subject,
    route: null,
    usage: [],
    cost_nusd: 0,
    estimated: false,
    decision: null,
  };
}
