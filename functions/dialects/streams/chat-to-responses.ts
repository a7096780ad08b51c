import type { JsonObject } from "../../../shared/contracts/json.ts";
import { finishedState, responseObject } from "../answers/response-object.ts";
import type { Finish } from "../finish.ts";
import type { AnswerContext } from "../translation.ts";
import { convertUsage } from "../usage.ts";
import { readChatChunk } from "./chat-chunk.ts";
import { ResponseItems } from "./response-items.ts";
import type { Stage } from "./stage.ts";

/**
 * Chat chunks → Responses events:
 * created, in_progress, (output_item.added … output_item.done)*, then completed or incomplete, which waits for usage.
 * `sequence_number` counts every event from 0.
 */
export function chatToResponsesStage(context: AnswerContext): Stage {
  let sequence = 0;
  const numbered = (events: JsonObject[]): JsonObject[] => {
    for (const event of events) event.sequence_number = sequence++;
    return events;
  };
  const items = new ResponseItems(context);
  let started = false;
  let finish: Finish | null = null;
  let usage: JsonObject | null = null;
  let synthetic = false;

  function start(): JsonObject[] {
    started = true;
    const response = responseObject(context, { status: "in_progress", output: [], usage: null });
    return [
      { type: "response.created", response },
      { type: "response.in_progress", response },
    ];
  }

  return {
    push(frame) {
      const chunk = readChatChunk(frame);
      const events = started ? [] : start();
      if (chunk.usage !== null) usage = convertUsage(chunk.usage, "openai.chat", "openai.responses");
      synthetic ||= chunk.synthetic;
      if (chunk.text !== "") events.push(...items.say("text", chunk.text));
      if (chunk.refusal !== "") events.push(...items.say("refusal", chunk.refusal));
      for (const call of chunk.calls) events.push(...items.call(call));
      if (chunk.finish !== null && finish === null) {
        finish = chunk.finish;
        events.push(...items.finish(finishedState(finish).status));
      }
      return numbered(events);
    },
    get finished() {
      return finish !== null;
    },
    end() {
      const state = finishedState(finish ?? "stop");
      const response = responseObject(context, { ...state, output: items.output, usage });
      if (synthetic) response.synthetic = true;
      return numbered([{ type: `response.${state.status}`, response }]);
    },
  };
}
