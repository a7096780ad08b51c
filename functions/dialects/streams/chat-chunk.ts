import type { JsonObject } from "../../../shared/contracts/json.ts";
import { chatFinish, type Finish } from "../finish.ts";
import { countOf, listOf, objectOf, textOf } from "../json-read.ts";

export interface CallDelta {
  index: number;
  id: string | null;
  name: string | null;
  arguments: string;
}

/** What one chat chunk says about the first choice, read once for every surface. */
export interface ChatChunk {
  text: string;
  refusal: string;
  calls: CallDelta[];
  finish: Finish | null;
  usage: JsonObject | null;
  synthetic: boolean;
}

export function readChatChunk(frame: JsonObject): ChatChunk {
  const choice = listOf(frame.choices)
    .map(objectOf)
    .find((each) => each !== null && (each.index ?? 0) === 0);
  const delta = objectOf(choice?.delta);
  const reason = textOf(choice?.finish_reason);
  return {
    text: textOf(delta?.content) ?? "",
    refusal: textOf(delta?.refusal) ?? "",
    calls: listOf(delta?.tool_calls).map((value, i) => {
      const call = objectOf(value);
      const called = objectOf(call?.function);
      return {
        index: countOf(call?.index) ?? i,
        id: textOf(call?.id),
        name: textOf(called?.name),
        arguments: textOf(called?.arguments) ?? "",
      };
    }),
    finish: reason === null ? null : chatFinish(reason),
    usage: objectOf(frame.usage),
    synthetic: frame.synthetic === true,
  };
}
