import { ApprovalList, ApprovalsQuery } from "../../../shared/contracts/http/approvals.ts";
import { decodeCursor, encodeCursor } from "../cursor.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { readable } from "../readable.ts";
import { unwrap } from "../refusals.ts";
import { targetTenant } from "../tenants/target.ts";
import { seesAll } from "./reach.ts";
import { approvalView } from "./view.ts";

export const listApprovals = operation({
  ...READ,
  id: "approvals.list",
  path: "/v1/approvals",
  action: "approval:read",
  gate: "governed",
  credential: "fresh",
  query: ApprovalsQuery,
  success: [200, ApprovalList, "Approvals, newest first: all to those who decide or audit, their own to requesters."],
  problems: ["not-found"],
  summary: "List approvals",
  tag: "Approvals",
  resource: { kind: "approval" },
  async execute(deps, call) {
    const { actor, query } = call;
    const { state, access } = await targetTenant(deps, call, query.tenant ?? call.tenant.id);
    const page = unwrap(
      await deps.tenants.listApprovals(state.id, access, {
        state: query.state ?? null,
        subject: seesAll(actor, state.id) ? null : actor.subject,
        before: decodeCursor("approvals", query.cursor),
        limit: query.limit,
      }),
    );
    const approvals = await readable(deps, call, page.approvals, ({ id, requester }) => ({ ...requester, id }));
    return value({
      object: "list",
      data: approvals.map((record) => approvalView(record, deps.operation(record.operation))),
      has_more: page.next !== null,
      next_cursor: page.next === null ? null : encodeCursor("approvals", page.next),
    });
  },
});
