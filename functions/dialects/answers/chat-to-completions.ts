import type { JsonObject } from "../../../shared/contracts/json.ts";
import { chatFinish, completionFinish } from "../finish.ts";
import { isGiven, listOf, objectOf, textOf } from "../json-read.ts";
import type { AnswerContext } from "../translation.ts";
import { keepSyntheticMark } from "./chat-answer.ts";

/** Chat answer → completion answer, choice by choice. */
export function chatToCompletions(body: JsonObject, context: AnswerContext): JsonObject {
  const choices = listOf(body.choices).map((value, i) => {
    const choice = objectOf(value) ?? {};
    const finish = completionFinish(chatFinish(textOf(choice.finish_reason) ?? "stop"));
    const text = textOf(objectOf(choice.message)?.content) ?? "";
    return { text, index: choice.index ?? i, logprobs: null, finish_reason: finish };
  });
  const made: JsonObject = {
    id: context.id,
    object: "text_completion",
    created: context.createdS,
    model: context.model,
    choices,
    ...context.extra,
  };
  if (isGiven(body.usage)) made.usage = body.usage;
  return keepSyntheticMark(body, made);
}
