import type { JsonObject } from "../../../shared/contracts/json.ts";
import { STOP_REASON } from "../finish.ts";
import { parseObject } from "../json-read.ts";
import type { AnswerContext } from "../translation.ts";
import { invalid } from "../untranslatable.ts";
import { convertUsage } from "../usage.ts";
import { keepSyntheticMark, readChatAnswer } from "./chat-answer.ts";

/** Usage when the engine told none; the meter's bound is charged all the same. */
export const NO_MESSAGE_USAGE: JsonObject = { input_tokens: 0, output_tokens: 0 };

/** Chat answer → Anthropic message. */
export function chatToMessagesAnswer(body: JsonObject, context: AnswerContext): JsonObject {
  const answer = readChatAnswer(body);
  const content: JsonObject[] = [];
  if (answer.text !== "") content.push({ type: "text", text: answer.text });
  if (answer.refusal !== "") content.push({ type: "text", text: answer.refusal });
  for (const [i, call] of answer.calls.entries()) {
    const input = call.arguments.trim() === "" ? {} : parseObject(call.arguments);
    if (input === null)
      invalid(`choices[0].message.tool_calls[${i}].function.arguments`, "the model wrote no JSON object");
    content.push({ type: "tool_use", id: call.id, name: call.name, input });
  }
  const refused = answer.refusal !== "" && answer.finish === "stop";
  return keepSyntheticMark(body, {
    id: context.id,
    type: "message",
    role: "assistant",
    model: context.model,
    content,
    stop_reason: refused ? "refusal" : STOP_REASON[answer.finish],
    stop_sequence: null,
    usage: convertUsage(answer.usage, "openai.chat", "anthropic.messages") ?? NO_MESSAGE_USAGE,
    ...context.extra,
  });
}
