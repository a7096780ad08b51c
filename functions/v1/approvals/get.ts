import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import { ApprovalObject, ApprovalPath, ApprovalQuery } from "../../../shared/contracts/http/approvals.ts";
import type { Call, Deps } from "../../context.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { shownBody } from "./edited-call.ts";
import { openWaiting } from "./proposal.ts";
import { isRequester, mayDecide, type Reached, reach } from "./reach.ts";
import { approvalView } from "./view.ts";

/** Content is for who asked and for who decides. */
export const getApproval = operation({
  ...READ,
  id: "approvals.get",
  path: "/v1/approvals/{approval_id}",
  action: "approval:read",
  gate: "governed",
  credential: "fresh",
  params: ApprovalPath,
  query: ApprovalQuery,
  success: [200, ApprovalObject, "Who asks for what, and why somebody must approve it first."],
  problems: ["not-found"],
  summary: "Get an approval",
  tag: "Approvals",
  resource: { kind: "approval", param: "approval_id" },
  async execute(deps, call) {
    const reached = await reach(deps, call, call.params.approval_id, call.query.tenant);
    return value(await approvalObject(deps, call, reached));
  },
});

/** An approval with its opened proposal, where the caller may see it. */
export async function approvalObject(
  deps: Deps,
  { actor }: Pick<Call, "actor">,
  { state, record }: Reached,
): Promise<ApprovalObject> {
  const asked = deps.operation(record.operation);
  const view = approvalView(record, asked);
  const shown = waits(record) && (isRequester(actor, state.id, record) || mayDecide(actor, state.id, record));
  const waiting = shown ? await openWaiting(deps, state, record) : null;
  if (!waiting?.ok) return { ...view, proposal: null };
  const { params, query, headers } = waiting.value.proposal;
  return { ...view, proposal: { params, query, headers, body: shownBody(asked, waiting.value.proposal) } };
}

const waits = ({ state }: ApprovalRecord): boolean =>
  state === "pending" || state === "approved" || state === "running";
