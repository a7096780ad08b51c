import type { JsonObject } from "../../../shared/contracts/json.ts";
import { type Finish, fromStopReason } from "../finish.ts";
import { copyGiven, countOf, objectOf, textOf } from "../json-read.ts";
import { type AnswerContext, StreamProtocolError } from "../translation.ts";
import { convertUsage } from "../usage.ts";
import type { Stage } from "./stage.ts";

/**
 * Anthropic events → chat chunks:
 * message_start → role chunk; text and tool blocks → deltas; message_delta → finish chunk; end → usage chunk.
 */
export function messagesToChatStage(context: AnswerContext, includeUsage: boolean): Stage {
  const usage: JsonObject = {};
  /** Anthropic block index → index of the tool call, and whether arguments were sent. */
  const calls = new Map<number, { index: number; sent: boolean }>();
  let finish: Finish | null = null;
  const chunk = (choices: JsonObject[]): JsonObject => ({
    id: context.id,
    object: "chat.completion.chunk",
    created: context.createdS,
    model: context.model,
    choices,
    ...context.extra,
  });
  const delta = (value: JsonObject): JsonObject[] => [
    chunk([{ index: 0, delta: value, logprobs: null, finish_reason: null }]),
  ];
  const callDelta = (index: number, args: string): JsonObject[] =>
    delta({ tool_calls: [{ index, function: { arguments: args } }] });

  function blockStart(frame: JsonObject): JsonObject[] {
    const block = objectOf(frame.content_block);
    switch (block?.type) {
      case "text": {
        const text = textOf(block.text) ?? "";
        return text === "" ? [] : delta({ content: text });
      }
      case "thinking":
      case "redacted_thinking":
        return [];
      case "tool_use": {
        const index = calls.size;
        const input = objectOf(block.input) ?? {};
        const sent = Object.keys(input).length > 0;
        calls.set(countOf(frame.index) ?? index, { index, sent });
        const called: JsonObject = { name: block.name ?? "", arguments: sent ? JSON.stringify(input) : "" };
        return delta({ tool_calls: [{ index, id: block.id ?? `call_${index}`, type: "function", function: called }] });
      }
      default:
        throw new StreamProtocolError(`unknown content block ${textOf(block?.type) ?? ""}`);
    }
  }

  function blockDelta(frame: JsonObject): JsonObject[] {
    const given = objectOf(frame.delta);
    if (given?.type === "text_delta") return delta({ content: textOf(given.text) ?? "" });
    if (given?.type !== "input_json_delta") return [];
    const call = calls.get(countOf(frame.index) ?? -1);
    if (call === undefined) throw new StreamProtocolError("arguments without a tool block");
    const text = textOf(given.partial_json) ?? "";
    if (text === "") return [];
    call.sent = true;
    return callDelta(call.index, text);
  }

  return {
    push(frame) {
      switch (frame.type) {
        case "message_start":
          copyGiven(objectOf(objectOf(frame.message)?.usage) ?? {}, usage, Object.keys(TOLD));
          return delta({ role: "assistant", content: "" });
        case "content_block_start":
          return blockStart(frame);
        case "content_block_delta":
          return blockDelta(frame);
        case "content_block_stop": {
          // A call without arguments streams no text; chat clients parse the joined arguments, and "" is no JSON.
          const call = calls.get(countOf(frame.index) ?? -1);
          return call !== undefined && !call.sent ? callDelta(call.index, "{}") : [];
        }
        case "message_delta": {
          copyGiven(objectOf(frame.usage) ?? {}, usage, Object.keys(TOLD));
          const reason = textOf(objectOf(frame.delta)?.stop_reason);
          if (reason === null) return [];
          finish = fromStopReason(reason);
          return [chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: finish }])];
        }
        default:
          // ping, message_stop, and events of later versions, which clients of this dialect are told to tolerate.
          return [];
      }
    },
    get finished() {
      return finish !== null;
    },
    end() {
      const told = includeUsage ? convertUsage(usage, "anthropic.messages", "openai.chat") : null;
      return told === null ? [] : [{ ...chunk([]), usage: told }];
    },
  };
}

const TOLD = {
  input_tokens: true,
  output_tokens: true,
  cache_read_input_tokens: true,
  cache_creation_input_tokens: true,
  output_tokens_details: true,
};
