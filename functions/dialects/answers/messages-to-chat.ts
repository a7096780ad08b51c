import type { JsonObject } from "../../../shared/contracts/json.ts";
import { fromStopReason } from "../finish.ts";
import { listOf, objectOf, textOf } from "../json-read.ts";
import type { AnswerContext } from "../translation.ts";
import { invalid } from "../untranslatable.ts";
import { convertUsage } from "../usage.ts";
import { keepSyntheticMark } from "./chat-answer.ts";

/** Anthropic message → chat answer. Thinking blocks fall away; other blocks that are no text or tool use break the protocol. */
export function messagesToChatAnswer(body: JsonObject, context: AnswerContext): JsonObject {
  let text: string | null = null;
  const calls: JsonObject[] = [];
  for (const [i, value] of listOf(body.content).entries()) {
    const block = objectOf(value);
    switch (block?.type) {
      case "text":
        text = (text ?? "") + (textOf(block.text) ?? "");
        break;
      case "tool_use":
        calls.push({
          id: textOf(block.id) ?? `call_${i}`,
          type: "function",
          function: {
            name: textOf(block.name) ?? invalid(`content[${i}].name`, "a tool name is needed"),
            arguments: JSON.stringify(block.input ?? {}),
          },
        });
        break;
      case "thinking":
      case "redacted_thinking":
        break;
      default:
        invalid(`content[${i}].type`, "an unknown block");
    }
  }
  const finish = fromStopReason(textOf(body.stop_reason) ?? "end_turn");
  const message: JsonObject = { role: "assistant", content: text, refusal: null };
  if (calls.length > 0) message.tool_calls = calls;
  const made: JsonObject = {
    id: context.id,
    object: "chat.completion",
    created: context.createdS,
    model: context.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
    ...context.extra,
  };
  const usage = convertUsage(objectOf(body.usage), "anthropic.messages", "openai.chat");
  if (usage !== null) made.usage = usage;
  return keepSyntheticMark(body, made);
}
