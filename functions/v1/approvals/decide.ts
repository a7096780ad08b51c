import {
  ApprovalObject,
  ApprovalPath,
  ApprovalQuery,
  ApproveApproval,
  EditApproval,
  RejectApproval,
} from "../../../shared/contracts/http/approvals.ts";
import type { ApprovalId, TenantId } from "../../../shared/contracts/ids.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Call, Deps } from "../../context.ts";
import { JSON_INPUT } from "../input.ts";
import { operation, type Reply, value } from "../operation.ts";
import { approvalObject } from "./get.ts";
import { reach } from "./reach.ts";
import { type GivenVerdict, giveVerdict } from "./verdict.ts";

const common = {
  ...JSON_INPUT,
  method: "post",
  action: "approval:decide",
  gate: "governed",
  credential: "fresh",
  // What is approved runs, and what is rejected ends: neither is taken back.
  effect: "irreversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  params: ApprovalPath,
  query: ApprovalQuery,
  problems: ["not-found", "approval-not-pending", "approval-digest-mismatch"],
  tag: "Approvals",
  resource: { kind: "approval", param: "approval_id" },
} as const;

async function answer(
  deps: Deps,
  call: Call<unknown, { approval_id: ApprovalId }, { tenant?: TenantId | undefined }>,
  given: GivenVerdict,
): Promise<Reply> {
  const reached = await reach(deps, call, call.params.approval_id, call.query.tenant);
  const record = await giveVerdict(deps, call, reached, given);
  return value(await approvalObject(deps, call, { ...reached, record }));
}

export const approveApproval = operation({
  ...common,
  id: "approvals.approve",
  path: "/v1/approvals/{approval_id}/approve",
  body: ApproveApproval,
  success: [200, ApprovalObject, "The approval; approved once everybody that is asked for has approved. Then it runs."],
  summary: "Approve a request of somebody else",
  execute: (deps, call) => answer(deps, call, { ...call.body, verdict: "approve", edited: null }),
});

export const rejectApproval = operation({
  ...common,
  id: "approvals.reject",
  path: "/v1/approvals/{approval_id}/reject",
  body: RejectApproval,
  success: [200, ApprovalObject, "The rejected approval: one refusal ends it."],
  summary: "Reject a request of somebody else",
  execute: (deps, call) => answer(deps, call, { ...call.body, verdict: "reject", edited: null }),
});

/** What others approved before was another request: with two approvers, the second one sees what the first one made of it. */
export const editApproval = operation({
  ...common,
  bodyBytesMax: LIMITS.approvalPayloadBytesMax,
  id: "approvals.edit",
  path: "/v1/approvals/{approval_id}/edit",
  body: EditApproval,
  success: [200, ApprovalObject, "The approval over the changed request, under its new digest."],
  summary: "Change a request and approve it so",
  execute(deps, call) {
    const { body, ...given } = call.body;
    // safe because: it is a member of a body that was parsed from JSON
    const edited = { body: body as JsonValue };
    return answer(deps, call, { ...given, verdict: "approve", edited });
  },
});
