import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import { type Finish, INCOMPLETE } from "../finish.ts";
import type { AnswerContext } from "../translation.ts";

/** Settings of the request that every response object repeats, with what OpenAI answers when they were not given. */
const ECHOED: Readonly<Record<string, JsonValue>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: "default",
  store: false,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
  user: null,
};

/** Id of the n-th output item: stable for one response, so that a replay names the same items. */
export const itemId = (context: AnswerContext, prefix: "msg" | "fc", index: number): string =>
  `${prefix}_${context.id.replace(/^resp_/, "")}_${index}`;

export interface ResponseState {
  status: "queued" | "in_progress" | "completed" | "incomplete" | "failed";
  output: JsonObject[];
  usage: JsonObject | null;
  incompleteReason?: string | null;
  error?: JsonObject;
}

/** A response object in one of its states. */
export function responseObject(context: AnswerContext, state: ResponseState): JsonObject {
  const made: JsonObject = {
    id: context.id,
    object: "response",
    created_at: context.createdS,
    status: state.status,
    background: false,
    error: state.error ?? null,
    incomplete_details: state.incompleteReason ? { reason: state.incompleteReason } : null,
    model: context.model,
    output: state.output,
    usage: state.usage,
  };
  for (const name of Object.keys(ECHOED)) made[name] = context.request[name] ?? ECHOED[name] ?? null;
  return Object.assign(made, context.extra);
}

/** Status and reason of a finished response. */
export function finishedState(finish: Finish): { status: "completed" | "incomplete"; incompleteReason: string | null } {
  const incompleteReason = INCOMPLETE[finish];
  return { status: incompleteReason === null ? "completed" : "incomplete", incompleteReason };
}

export const messageItem = (id: string, status: string, content: JsonObject[]): JsonObject => ({
  id,
  type: "message",
  status,
  role: "assistant",
  content,
});
export const textPart = (text: string): JsonObject => ({ type: "output_text", text, annotations: [], logprobs: [] });
export const refusalPart = (refusal: string): JsonObject => ({ type: "refusal", refusal });
export const callItem = (id: string, status: string, callId: string, name: string, args: string): JsonObject => ({
  id,
  type: "function_call",
  status,
  call_id: callId,
  name,
  arguments: args,
});
