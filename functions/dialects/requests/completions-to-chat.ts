import type { JsonObject } from "../../../shared/contracts/json.ts";
import { copyGiven, isGiven, listOf, textOf } from "../json-read.ts";
import { invalid, unsupported } from "../untranslatable.ts";
import { refuseGiven } from "./refuse.ts";

const COPIED = [
  "model",
  "stream",
  "stream_options",
  "temperature",
  "top_p",
  "n",
  "stop",
  "seed",
  "user",
  "presence_penalty",
  "frequency_penalty",
  "logit_bias",
  "metadata",
];

/** A completion prompt becomes one user message. Token arrays, several prompts and `suffix` have no equivalent. */
export function completionsToChat(body: JsonObject): JsonObject {
  refuseGiven(body, ["suffix", "echo"], "openai.chat");
  if (isGiven(body.logprobs)) unsupported("logprobs", "openai.chat tells log probabilities in another shape");
  const bestOf = body.best_of;
  if (isGiven(bestOf) && bestOf !== 1) unsupported("best_of", "openai.chat has no equivalent");
  const chat: JsonObject = { messages: [{ role: "user", content: promptText(body) }] };
  copyGiven(body, chat, COPIED);
  if (isGiven(body.max_tokens)) chat.max_completion_tokens = body.max_tokens;
  return chat;
}

function promptText(body: JsonObject): string {
  const { prompt } = body;
  const single = textOf(prompt);
  if (single !== null) return single;
  const prompts = listOf(prompt);
  if (prompts.length === 0) return invalid("prompt", "a prompt is needed");
  if (prompts.length > 1) return unsupported("prompt", "openai.chat takes one prompt of text");
  return textOf(prompts[0]) ?? unsupported("prompt", "openai.chat takes no token arrays");
}
