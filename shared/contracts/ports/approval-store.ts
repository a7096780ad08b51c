import type { ApprovalRecord, ApprovalState, AskedOfRun, Verdict } from "../approval.ts";
import type { ApprovalId, TaskId, TenantId } from "../ids.ts";
import type { Result } from "../result.ts";
import type { Access, AccessRefusal, Change, ChangeRefusal } from "./tenant-store.ts";

export type NewApproval = Omit<
  ApprovalRecord,
  "state" | "verdicts" | "created_ms" | "decided_ms" | "finished_ms" | "asked" | "outcome"
>;
export type VerdictRefusal =
  | ChangeRefusal
  | { reason: "not_found" }
  /** No longer pending: it was decided, or its life is over. */
  | { reason: "not_pending"; state: ApprovalState }
  /** What the approver saw is not what waits. */
  | { reason: "digest_mismatch" }
  /** Nobody approves what they asked for, by a credential that they made or that made theirs either. */
  | { reason: "own_request" }
  /** No demand of a layer that this actor may speak for, with a role that they hold. */
  | { reason: "not_an_approver" };

/** `asked`: what policy was asked about the run that begins. */
export type RunStep =
  | { to: "running"; asked?: AskedOfRun }
  | { to: "approved" }
  | { to: "done"; outcome: NonNullable<ApprovalRecord["outcome"]> };

/** A verdict as its giver's credential allows it: the layers that they may speak for, and those whom they act for. */
export type GivenVerdict = Omit<Verdict, "layer" | "at_ms"> & {
  layers: readonly Verdict["layer"][];
  acting_for?: readonly string[];
};

/**
 * Approvals of a tenant. Each change and its ledger entry are one transaction of the tenant's object, durable before the
 * call resolves; a call past an approval's life finds it `expired`.
 */
export interface ApprovalStore {
  /** The newest approval of this requester over this digest that is not final, or that is `done` for this very key. */
  findApproval(
    tenant: TenantId,
    access: Access,
    wanted: { digest: string; subject: string; key_hash: string | null },
  ): Promise<Result<ApprovalRecord | null, AccessRefusal>>;
  /** Asks. One that is pending over the same digest by the same requester, or that this task asked for before, is answered in place of a second one. */
  requestApproval(
    tenant: TenantId,
    change: Change,
    approval: NewApproval,
  ): Promise<Result<ApprovalRecord, ChangeRefusal | { reason: "limit" }>>;
  /** `edited`: the digest of the changed proposal, where every demand allows editing. */
  decideApproval(
    tenant: TenantId,
    change: Change,
    id: ApprovalId,
    given: GivenVerdict & { digest: string; edited: string | null },
  ): Promise<Result<ApprovalRecord, VerdictRefusal>>;
  approval(
    tenant: TenantId,
    access: Access,
    id: ApprovalId,
  ): Promise<Result<ApprovalRecord, AccessRefusal | { reason: "not_found" }>>;
  /** The approval that a task waits for, or waited. */
  approvalOfTask(
    tenant: TenantId,
    access: Access,
    task: TaskId,
  ): Promise<Result<ApprovalRecord, AccessRefusal | { reason: "not_found" }>>;
  /** Newest first; `before` is the id that ended the previous page. `subject`: of this requester alone. */
  listApprovals(
    tenant: TenantId,
    access: Access,
    page: { state: ApprovalState | null; subject: string | null; before: string | null; limit: number },
  ): Promise<Result<{ approvals: ApprovalRecord[]; next: string | null }, AccessRefusal>>;
  /**
   * The run of a task begins (`approved → running`), once for all runners, or ends; ending it again changes nothing. Whoever
   * has begun it may say that nothing was done (`running → approved`), so that it may begin anew.
   */
  runApproval(
    tenant: TenantId,
    task: TaskId,
    step: RunStep,
    by: Change["by"],
  ): Promise<
    Result<ApprovalRecord, { reason: "unknown_tenant" } | { reason: "not_found" } | { reason: "not_approved" }>
  >;
}
