import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import type { Operation, Reply } from "../operation.ts";
import { approvalItem } from "./response-item.ts";
import { approvalView } from "./view.ts";

/** How soon an approver can be expected to have looked; the SDKs' longest wait that is honoured is 60 s (WIRE). */
const RETRY_AFTER_S = 30;

/**
 * What the caller of a waiting request gets. Our own resources, and whoever asked not to wait: 202 with the approval. A
 * shape that SDKs read never gets a 202, which they take for an empty success (WIRE): Responses answers an
 * `mcp_approval_request` item, the others 403 `approval_required` with links. Throws `ProblemError`.
 */
export async function waitingAnswer(
  deps: Pick<Deps, "ids">,
  operation: Operation,
  call: Call,
  approval: ApprovalRecord,
  record: (refusal: ProblemError) => Promise<void>,
): Promise<Reply> {
  const links = { approval_url: `/v1/approvals/${approval.id}`, task_url: `/v1/tasks/${approval.task}` };
  const headers = { "x-bailiwick-approval": approval.id, "x-bailiwick-task": approval.task };
  const refusal = new ProblemError("approval-required", {
    members: { reasons: approval.reasons, approval: approval.id, task: approval.task, ...links },
    headers,
  });
  await record(refusal);
  if (operation.surface === undefined || doesNotWait(call))
    return {
      kind: "bytes",
      status: 202,
      contentType: "application/json",
      body: JSON.stringify(approvalView(approval, operation)),
      headers: { ...headers, location: links.approval_url, "retry-after": String(RETRY_AFTER_S) },
    };
  if (operation.surface === "openai.responses") return { ...approvalItem(deps, call, approval), headers };
  throw refusal;
}

/** RFC 7240 `respond-async`, or Responses' own `background`. */
function doesNotWait(call: Call): boolean {
  const prefer = (call.headers.get("prefer") ?? "").split(",").map((part) => part.trim().toLowerCase());
  const body = call.body as { background?: unknown } | undefined; // safe because: views take objects
  return prefer.includes("respond-async") || body?.background === true;
}
