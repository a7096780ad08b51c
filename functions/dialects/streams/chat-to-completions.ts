import type { JsonObject } from "../../../shared/contracts/json.ts";
import { keepSyntheticMark } from "../answers/chat-answer.ts";
import { chatFinish, completionFinish } from "../finish.ts";
import { listOf, objectOf, textOf } from "../json-read.ts";
import type { AnswerContext } from "../translation.ts";
import type { Stage } from "./stage.ts";

export const wantsUsage = (request: JsonObject): boolean => objectOf(request.stream_options)?.include_usage === true;

/** Chat chunks → completion chunks, for every choice. */
export function chatToCompletionsStage(context: AnswerContext): Stage {
  let finished = false;
  let usageFrame: JsonObject | null = null;
  const chunk = (choices: JsonObject[]): JsonObject => ({
    id: context.id,
    object: "text_completion",
    created: context.createdS,
    model: context.model,
    choices,
    ...context.extra,
  });
  return {
    push(frame) {
      const usage = objectOf(frame.usage);
      if (usage !== null) usageFrame = keepSyntheticMark(frame, { ...chunk([]), usage });
      const choices = listOf(frame.choices).flatMap((value) => {
        const choice = objectOf(value);
        const text = textOf(objectOf(choice?.delta)?.content) ?? "";
        const reason = textOf(choice?.finish_reason);
        if (reason !== null) finished = true;
        if (text === "" && reason === null) return [];
        const finish = reason === null ? null : completionFinish(chatFinish(reason));
        return [{ text, index: choice?.index ?? 0, logprobs: null, finish_reason: finish }];
      });
      return choices.length === 0 ? [] : [keepSyntheticMark(frame, chunk(choices))];
    },
    get finished() {
      return finished;
    },
    end: () => (usageFrame !== null && wantsUsage(context.request) ? [usageFrame] : []),
  };
}
