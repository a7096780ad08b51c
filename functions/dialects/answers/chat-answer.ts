import type { JsonObject } from "../../../shared/contracts/json.ts";
import { chatFinish, type Finish } from "../finish.ts";
import { listOf, objectOf, textOf } from "../json-read.ts";
import { invalid } from "../untranslatable.ts";

export interface ToolCall {
  id: string;
  name: string;
  /** JSON text, as the model wrote it. */
  arguments: string;
}

/** The first choice of a chat answer, read once for every surface. */
export interface ChatAnswer {
  text: string;
  refusal: string;
  calls: ToolCall[];
  finish: Finish;
  usage: JsonObject | null;
}

export function readChatAnswer(body: JsonObject): ChatAnswer {
  const choice = objectOf(listOf(body.choices)[0]) ?? invalid("choices[0]", "the answer has no choice");
  const message = objectOf(choice.message) ?? invalid("choices[0].message", "the answer has no message");
  const calls = listOf(message.tool_calls).map((value, i) => {
    const call = objectOf(value);
    const called = objectOf(call?.function) ?? invalid(`choices[0].message.tool_calls[${i}]`, "not a function call");
    return {
      id: textOf(call?.id) ?? `call_${i}`,
      name: textOf(called.name) ?? invalid(`choices[0].message.tool_calls[${i}].function.name`, "a name is needed"),
      arguments: textOf(called.arguments) ?? "",
    };
  });
  return {
    text: textOf(message.content) ?? "",
    refusal: textOf(message.refusal) ?? "",
    calls,
    finish: chatFinish(textOf(choice.finish_reason) ?? "stop"),
    usage: objectOf(body.usage),
  };
}

/** The mark of synthetic answers survives every translation. */
export function keepSyntheticMark(from: JsonObject, to: JsonObject): JsonObject {
  if (from.synthetic === true) to.synthetic = true;
  return to;
}
