import type { ApprovalRecord } from "../../../shared/contracts/approval.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Call, Deps } from "../../context.ts";
import type { Reply } from "../operation.ts";

/** Label under which approvals appear in Responses: the cell's own, not a tool server's. */
export const SERVER_LABEL = "bailiwick";

/** Id of the item that asks: the approval, and the beginning of the digest of what is asked. */
const itemId = (approval: string, digest: string): string => `${approval}_${digest.slice(0, 32)}`;
export const ITEM_ID = /^(apr_[0-9A-Za-z]{26})_([0-9a-f]{32})$/;

/** A response whose only output asks for the approval, as Responses has it; with `stream: true` as its events. */
export function approvalItem(
  deps: Pick<Deps, "ids">,
  call: Call,
  { id: approval, subject, operation, created_ms }: ApprovalRecord,
): Reply & { kind: "bytes" } {
  const body = call.body as JsonObject; // safe because: the operation's schema is an object
  const item = {
    id: itemId(approval, subject.digest),
    type: "mcp_approval_request",
    server_label: SERVER_LABEL,
    name: operation,
    arguments: JSON.stringify(body),
  };
  return responseOf(call, {
    id: `resp_${deps.ids.mint("task").slice("task_".length)}`,
    created_at: Math.floor(created_ms / 1000),
    output: [item],
  });
}

/** A complete response of the cell's own, in the form that was asked for. No engine ran: it has used nothing. */
export function responseOf(
  call: Call,
  answer: {
    id: string;
    created_at: number;
    output: readonly { id: string; type: string }[];
    metadata?: Record<string, string>;
  },
): Reply & { kind: "bytes" } {
  const { model, stream } = call.body as JsonObject; // safe because: the operation's schema is an object
  const { id, created_at, output, metadata = {} } = answer;
  const head = { id, object: "response", created_at, model: String(model), error: null, store: false, metadata };
  const usage = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };
  const whole = { ...head, status: "completed", output, usage };
  if (stream !== true)
    return { kind: "bytes", status: 200, contentType: "application/json", body: JSON.stringify(whole) };
  const events = [
    { type: "response.created", response: { ...head, status: "in_progress", output: [] } },
    ...output.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item },
      { type: "response.output_item.done", output_index, item },
    ]),
    { type: "response.completed", response: whole },
  ];
  const frames = events.map(
    (event, sequence_number) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number })}\n\n`,
  );
  return { kind: "bytes", status: 200, contentType: "text/event-stream; charset=utf-8", body: frames.join("") };
}
