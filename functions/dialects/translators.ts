import type { JsonObject } from "../../shared/contracts/json.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { chatToCompletions } from "./answers/chat-to-completions.ts";
import { chatToMessagesAnswer } from "./answers/chat-to-messages.ts";
import { chatToResponses } from "./answers/chat-to-responses.ts";
import { messagesToChatAnswer } from "./answers/messages-to-chat.ts";
import { chatToMessages } from "./requests/chat-to-messages.ts";
import { completionsToChat } from "./requests/completions-to-chat.ts";
import { messagesToChat } from "./requests/messages-to-chat.ts";
import { responsesToChat } from "./requests/responses-to-chat.ts";
import { chatToCompletionsStage, wantsUsage } from "./streams/chat-to-completions.ts";
import { chatToMessagesStage } from "./streams/chat-to-messages.ts";
import { chatToResponsesStage } from "./streams/chat-to-responses.ts";
import { messagesToChatStage } from "./streams/messages-to-chat.ts";
import { chain, type Stage, translator } from "./streams/stage.ts";
import type { AnswerContext, RequestOptions, Translation } from "./translation.ts";
import { translating } from "./untranslatable.ts";

/** The half of a translation between a surface and the hub dialect, before results and frames are wrapped. */
interface Leg {
  request(body: JsonObject, options: RequestOptions): JsonObject;
  answer(body: JsonObject, context: AnswerContext): JsonObject;
  stage(context: AnswerContext): Stage;
}

const toChat: Record<"openai.responses" | "openai.completions" | "anthropic.messages", Leg> = {
  "openai.responses": { request: responsesToChat, answer: chatToResponses, stage: chatToResponsesStage },
  "openai.completions": { request: completionsToChat, answer: chatToCompletions, stage: chatToCompletionsStage },
  "anthropic.messages": { request: messagesToChat, answer: chatToMessagesAnswer, stage: chatToMessagesStage },
};

function viaChat(surface: Dialect, leg: Leg): Translation {
  return {
    request: (body, options) => translating(() => leg.request(body, options)),
    answer: (body, context) => translating(() => leg.answer(body, context)),
    stream: (context) => translator(surface, leg.stage(context)),
  };
}

/** The inner hub answer carries nothing of the cell's: `extra` is added once, by the outer leg. */
const inner = ({ id, createdS, model, request }: AnswerContext): AnswerContext => ({ id, createdS, model, request });

function viaChatToMessages(surface: Dialect, leg: Leg): Translation {
  return {
    request: (body, options) => translating(() => chatToMessages(leg.request(body, options), options)),
    answer: (body, context) => translating(() => leg.answer(messagesToChatAnswer(body, inner(context)), context)),
    stream: (context) => translator(surface, chain(messagesToChatStage(inner(context), true), leg.stage(context))),
  };
}

const chatToAnthropic: Translation = {
  request: (body, options) => translating(() => chatToMessages(body, options)),
  answer: (body, context) => translating(() => messagesToChatAnswer(body, context)),
  stream: (context) => translator("openai.chat", messagesToChatStage(context, wantsUsage(context.request))),
};

/** `translators[surface][engine dialect]`; a missing entry cannot be translated. Equal dialects need no translation. */
export const translators: Readonly<Record<Dialect, Readonly<Partial<Record<Dialect, Translation>>>>> = {
  "openai.chat": { "anthropic.messages": chatToAnthropic },
  "openai.responses": {
    "openai.chat": viaChat("openai.responses", toChat["openai.responses"]),
    "anthropic.messages": viaChatToMessages("openai.responses", toChat["openai.responses"]),
  },
  "openai.completions": {
    "openai.chat": viaChat("openai.completions", toChat["openai.completions"]),
    "anthropic.messages": viaChatToMessages("openai.completions", toChat["openai.completions"]),
  },
  "openai.embeddings": {},
  "oip.infer": {},
  "anthropic.messages": { "openai.chat": viaChat("anthropic.messages", toChat["anthropic.messages"]) },
};

/** The dialect to ask an engine in: its own word for the surface, else the first one that the surface translates to. */
export function engineDialect(surface: Dialect, spoken: readonly Dialect[]): Dialect | null {
  if (spoken.includes(surface)) return surface;
  return spoken.find((dialect) => translators[surface][dialect] !== undefined) ?? null;
}
