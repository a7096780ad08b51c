/** Why generation stopped, in the words of the hub dialect. */
export type Finish = "stop" | "length" | "tool_calls" | "content_filter";

/** Chat `finish_reason`; a word that nobody defined counts as a normal stop. */
export function chatFinish(reason: string): Finish {
  switch (reason) {
    case "length":
    case "content_filter":
    case "tool_calls":
      return reason;
    case "function_call":
      return "tool_calls";
    default:
      return "stop";
  }
}

/** Anthropic `stop_reason` → hub. */
export function fromStopReason(reason: string): Finish {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "length";
    case "tool_use":
      return "tool_calls";
    case "refusal":
      return "content_filter";
    default:
      return "stop";
  }
}

/** Hub → Anthropic `stop_reason`. */
export const STOP_REASON: Readonly<Record<Finish, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

/** Hub → Responses `incomplete_details.reason`; null when the response is complete. */
export const INCOMPLETE: Readonly<Record<Finish, string | null>> = {
  stop: null,
  tool_calls: null,
  length: "max_output_tokens",
  content_filter: "content_filter",
};

/** Completions know no tool calls. */
export const completionFinish = (finish: Finish): string => (finish === "tool_calls" ? "stop" : finish);
