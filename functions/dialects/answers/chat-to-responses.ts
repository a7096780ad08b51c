import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { AnswerContext } from "../translation.ts";
import { convertUsage } from "../usage.ts";
import { keepSyntheticMark, readChatAnswer } from "./chat-answer.ts";
import {
  callItem,
  finishedState,
  itemId,
  messageItem,
  refusalPart,
  responseObject,
  textPart,
} from "./response-object.ts";

/** Chat answer → response object. */
export function chatToResponses(body: JsonObject, context: AnswerContext): JsonObject {
  const answer = readChatAnswer(body);
  const state = finishedState(answer.finish);
  const parts: JsonObject[] = [];
  if (answer.text !== "") parts.push(textPart(answer.text));
  if (answer.refusal !== "") parts.push(refusalPart(answer.refusal));
  const output: JsonObject[] = [];
  if (parts.length > 0 || answer.calls.length === 0)
    output.push(messageItem(itemId(context, "msg", 0), state.status, parts.length > 0 ? parts : [textPart("")]));
  for (const call of answer.calls)
    output.push(callItem(itemId(context, "fc", output.length), state.status, call.id, call.name, call.arguments));
  const usage = convertUsage(answer.usage, "openai.chat", "openai.responses");
  return keepSyntheticMark(body, responseObject(context, { ...state, output, usage }));
}
