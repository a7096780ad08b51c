import { describe, expect, it } from "vitest";
import { APPROVAL_STATES, type ApprovalRecord, type ApprovalState } from "../../../shared/contracts/approval.ts";
import { TaskEnvelope } from "../../../shared/contracts/http/tasks.ts";
import type { ApprovalId, TaskId, UnixMs } from "../../../shared/contracts/ids.ts";
import { taskEnvelope } from "./envelope.ts";
import { waitingTask } from "./waiting.ts";

const at = (ms: number) => ms as UnixMs; // safe because: a test's own milliseconds
const HOUR = 3_600_000;

function approval(state: ApprovalState, over: Partial<ApprovalRecord> = {}): ApprovalRecord {
  return {
    id: `apr_${"0".repeat(26)}` as ApprovalId, // safe because: it matches the pattern
    task: `task_${"0".repeat(26)}` as TaskId, // safe because: it matches the pattern
    state,
    subject: { kind: "operation", digest: "a".repeat(64) },
    operation: "keys.create",
    action: "key:write",
    resource: { kind: "key", id: null },
    requester: {
      subject: "user:dana",
      credential: "key:000000000000",
      workspace: "default",
      project: "default",
      environment: "production",
    },
    reasons: ["high_risk"],
    demands: [],
    verdicts: [],
    key_hash: null,
    created_ms: at(0),
    expires_ms: at(HOUR),
    decided_ms: null,
    finished_ms: null,
    outcome: null,
    ...over,
  };
}

describe("a task that only its approval knows of", () => {
  it.each(APPROVAL_STATES)(
    "is an envelope while the approval is %s, so that nobody who follows the link finds nothing",
    (state) => {
      const task = waitingTask(approval(state));
      expect(TaskEnvelope.parse(taskEnvelope(task))).toMatchObject({
        task_id: task.id,
        subject: "user:dana",
        usage: { cost_nusd: 0 },
      });
      expect(task.status === null).toBe(["pending", "approved", "running"].includes(state));
      expect(task.finished_ms === null).toBe(task.status === null);
    },
  );

  it("waits for approval, and is queued once it has it", () => {
    expect(waitingTask(approval("pending")).phase).toBe("awaiting_approval");
    expect(waitingTask(approval("approved")).phase).toBe("queued");
  });

  it("is cancelled when it was refused or its time ran out, and says which", () => {
    const rejected = waitingTask(approval("rejected", { decided_ms: at(5) }));
    expect(rejected).toMatchObject({
      status: "CANCELED",
      phase: "done",
      finished_ms: 5,
      error: { code: "approval_rejected" },
    });
    const expired = waitingTask(approval("expired"));
    expect(expired).toMatchObject({
      status: "CANCELED",
      phase: "done",
      finished_ms: HOUR,
      error: { code: "approval_expired" },
    });
  });

  it("ends as its run ended, so that a failed run never looks like one that worked", () => {
    const done = { finished_ms: at(9), decided_ms: at(5) };
    const worked = waitingTask(approval("done", { ...done, outcome: { status: 201, code: null } }));
    expect(worked).toMatchObject({ status: "OK", finished_ms: 9, error: null });
    const failed = waitingTask(approval("done", { ...done, outcome: { status: 403, code: "tenant_suspended" } }));
    expect(failed).toMatchObject({
      status: "ERROR",
      error: { code: "tenant_suspended", message: "The tenant is suspended" },
    });
  });
});
