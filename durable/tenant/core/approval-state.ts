import type { ApprovalRecord, ApprovalState } from "../../../shared/contracts/approval.ts";
import { askedBy, openDemands, type Verdict } from "../../../shared/contracts/approval.ts";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { GivenVerdict } from "../../../shared/contracts/ports/approval-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";

export type VerdictError =
  | { reason: "not_pending"; state: ApprovalState }
  | { reason: "digest_mismatch" }
  | { reason: "own_request" }
  | { reason: "not_an_approver" };

/** An approval at an instant: one that waited beyond its life is expired, whether or not the alarm has come. */
export const stateAt = (
  { state, expires_ms }: Pick<ApprovalRecord, "state" | "expires_ms">,
  nowMs: number,
): ApprovalState => (state === "pending" && expires_ms <= nowMs ? "expired" : state);

/**
 * What a verdict makes of a pending approval. One refusal by an approver of any layer that asked ends it; it is approved
 * when every demand has its distinct approvers. A verdict counts once per layer in which its giver may speak, holds the
 * demanded role, and is not the requester, by whatever credential: not by one that the requester made, and for the
 * tenant's layer not over what was asked with a credential that the approver made. Operators of the cell made the first
 * key of every tenant, and speak for the cell all the same.
 */
export function afterVerdict(
  record: ApprovalRecord,
  nowMs: UnixMs,
  { layers, digest, edited, acting_for, ...given }: GivenVerdict & { digest: string; edited: string | null },
): Result<Pick<ApprovalRecord, "state" | "verdicts" | "subject" | "decided_ms">, VerdictError> {
  const state = stateAt(record, nowMs);
  if (state !== "pending") return err({ reason: "not_pending", state });
  const { requester } = record;
  const asking = askedBy(requester);
  const giving = askedBy({ subject: given.subject, acting_for: [...(acting_for ?? [])] });
  if ([...giving, ...(given.made_by ?? [])].some((name) => asking.includes(name)))
    return err({ reason: "own_request" });
  if (digest !== record.subject.digest) return err({ reason: "digest_mismatch" });
  const spoken = record.demands.filter((demand) => layers.includes(demand.layer) && given.roles.includes(demand.role));
  if (spoken.length === 0) return err({ reason: "not_an_approver" });
  const madeIt = giving.some((name) => requester.made_by?.includes(name));
  const counted = madeIt ? spoken.filter(({ layer }) => layer === "cell") : spoken;
  if (counted.length === 0) return err({ reason: "own_request" });
  if (edited !== null && !record.demands.every((demand) => demand.edit)) return err({ reason: "not_an_approver" });
  const mine = [...new Set(counted.map(({ layer }) => layer))].map(
    (layer): Verdict => ({ ...given, layer, at_ms: nowMs }),
  );
  // What others approved before was another proposal: an edit starts the count anew.
  const kept = edited === null ? record.verdicts.filter(({ subject }) => subject !== given.subject) : [];
  const verdicts = [...kept, ...mine];
  const subject = edited === null ? record.subject : { ...record.subject, digest: edited };
  if (given.verdict === "reject") return ok({ state: "rejected", verdicts, subject, decided_ms: nowMs });
  const approved = openDemands({ ...record, verdicts }).length === 0;
  return ok({ state: approved ? "approved" : "pending", verdicts, subject, decided_ms: approved ? nowMs : null });
}
