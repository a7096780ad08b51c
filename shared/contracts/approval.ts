import type { z } from "zod";
import type { Role } from "./actor.ts";
import type { LayerApproval, PolicyLayerName } from "./decision.ts";
import type { ApprovalId, TaskId, UnixMs } from "./ids.ts";
import { PolicyInput } from "./policy/input.ts";

/**
 * ```
 * pending ──approved by all──▶ approved ──the Runner leases it──▶ running ──▶ done
 *    ├──────rejected by one──▶ rejected
 *    └──────life is over─────▶ expired
 * ```
 * Only `pending` can be decided; `rejected`, `expired` and `done` are final.
 */
export const APPROVAL_STATES = ["pending", "approved", "running", "done", "rejected", "expired"] as const;
export type ApprovalState = (typeof APPROVAL_STATES)[number];

/** Who asked: the approver must be somebody else. */
export interface Requester {
  subject: string;
  credential: string;
  workspace: string;
  project: string;
  environment: string;
  /** Those whom the requester acts for. */
  acting_for?: string[];
  /** Who made the requester's credential; see `KeyRecord.made_by`. */
  made_by?: string[];
}

/** Everybody in whose name a request was made. */
export const askedBy = ({ subject, acting_for = [] }: Pick<Requester, "subject" | "acting_for">): string[] => [
  subject,
  ...acting_for,
];

/** What one approver said, for one layer. */
export interface Verdict {
  layer: PolicyLayerName;
  subject: string;
  credential: string;
  roles: Role[];
  verdict: "approve" | "reject";
  comment: string | null;
  at_ms: UnixMs;
  /** Who made the approver's credential; see `KeyRecord.made_by`. */
  made_by?: string[];
}

/** What an approval is about. `digest` is an HMAC under the tenant's data key over the proposal: a changed request has another. */
export interface ApprovalSubject {
  kind: "operation";
  digest: string;
}

/** Of the input over which an approved run was decided: what a kept answer is asked about again. Facts, never content. */
export const AskedOfRun = PolicyInput.pick({
  candidates: true,
  classification: true,
  features: true,
  grants: true,
  intent: true,
  markings: true,
  privacy: true,
  purpose: true,
});
export type AskedOfRun = z.infer<typeof AskedOfRun>;

/** An approval as its tenant's object keeps it; the proposal itself is sealed in the task's object. */
export interface ApprovalRecord {
  id: ApprovalId;
  /** The task that runs once all have approved. */
  task: TaskId;
  state: ApprovalState;
  subject: ApprovalSubject;
  operation: string;
  action: string;
  resource: { kind: string; id: string | null };
  requester: Requester;
  /** Codes of the policy that asked. */
  reasons: string[];
  demands: LayerApproval[];
  verdicts: Verdict[];
  /** First 128 bits, hex, of the idempotency key that the request carried; the run is replayed for this key alone. */
  key_hash: string | null;
  created_ms: UnixMs;
  expires_ms: UnixMs;
  decided_ms: UnixMs | null;
  finished_ms: UnixMs | null;
  /** What policy was asked about the run besides who and what, for whoever reads its answer; absent: it has not begun. */
  asked?: AskedOfRun;
  /** How the run ended: the status of its answer, and the code when it is a problem. */
  outcome: { status: number; code: string | null } | null;
}

/**
 * Demands that no verdict satisfies yet: distinct approvers of the demand's own layer who hold its role. Somebody and the
 * holder of a key that they made are one person.
 */
export function openDemands({
  demands,
  verdicts,
  requester,
}: Pick<ApprovalRecord, "demands" | "verdicts" | "requester">): LayerApproval[] {
  return demands.filter(({ layer, role, approvers }) => {
    const granted = verdicts.filter(
      (verdict) =>
        verdict.verdict === "approve" &&
        verdict.layer === layer &&
        verdict.roles.includes(role) &&
        verdict.subject !== requester.subject,
    );
    const subjects = new Set(granted.map(({ subject }) => subject));
    const others = granted.filter(
      ({ subject, made_by = [] }) => !made_by.some((maker) => maker !== subject && subjects.has(maker)),
    );
    return new Set(others.map(({ subject }) => subject)).size < approvers;
  });
}
