import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { Metadata, ModelName, StopSequences, StreamOptions, TokenCount, ToolChoice, Tools, Typed } from "./fields.ts";

/** One message. Members that engines understand and we do not rely on travel untouched. */
export const ChatMessage = z.looseObject({
  role: z.string().min(1).max(32),
  content: z.union([z.string(), z.array(Typed).max(LIMITS.messagesMax)]).nullish(),
  tool_calls: z
    .array(z.looseObject({ id: z.string(), type: z.string() }))
    .max(LIMITS.toolsMax)
    .nullish(),
  tool_call_id: z.string().nullish(),
});

/** `POST /v1/chat/completions`. Unknown members are tolerated: new SDKs send new members (WIRE "Requests"). */
export const ChatCompletionRequest = z
  .looseObject({
    model: ModelName,
    messages: z.array(ChatMessage).min(1).max(LIMITS.messagesMax),
    stream: z.boolean().nullish(),
    stream_options: StreamOptions.nullish(),
    max_completion_tokens: z.int().min(1).nullish(),
    max_tokens: z.int().min(1).nullish(),
    n: z.int().min(1).max(128).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    stop: StopSequences.nullish(),
    seed: z.int().nullish(),
    tools: Tools.nullish(),
    tool_choice: ToolChoice.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    response_format: Typed.nullish(),
    store: z.boolean().nullish(),
    metadata: Metadata.nullish(),
    user: z.string().max(256).nullish(),
    safety_identifier: z.string().max(256).nullish(),
    prompt_cache_key: z.string().max(256).nullish(),
    service_tier: z.string().max(32).nullish(),
  })
  .meta({
    id: "ChatCompletionRequest",
    example: {
      model: "small",
      messages: [
        { role: "system", content: "Answer in one sentence." },
        { role: "user", content: "What is a jurisdiction?" },
      ],
      max_completion_tokens: 64,
    },
  });
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequest>;

export const ChatUsage = z.looseObject({
  prompt_tokens: TokenCount,
  completion_tokens: TokenCount,
  total_tokens: TokenCount,
});

const choice = z.looseObject({
  index: z.int().min(0),
  message: z.looseObject({
    role: z.string(),
    content: z.string().nullish(),
    refusal: z.string().nullish(),
    tool_calls: z.array(z.looseObject({ id: z.string(), type: z.string() })).nullish(),
  }),
  finish_reason: z.string().nullable(),
});

export const ChatCompletion = z
  .looseObject({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(choice),
    usage: ChatUsage.nullish(),
  })
  .meta({
    id: "ChatCompletion",
    example: {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_795_000_000,
      model: "small",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "The territory in which a law applies." },
          finish_reason: "stop",
        },
      ],
      usage: { prompt_tokens: 21, completion_tokens: 8, total_tokens: 29 },
    },
  });
export type ChatCompletion = z.infer<typeof ChatCompletion>;

/** One `data:` frame of a chat stream; the usage frame has no choices. */
export const ChatCompletionChunk = z
  .looseObject({
    id: z.string(),
    object: z.literal("chat.completion.chunk"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: z.int().min(0),
        delta: z.looseObject({ role: z.string().nullish(), content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    ),
    usage: ChatUsage.nullish(),
  })
  .meta({
    id: "ChatCompletionChunk",
    example: {
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1_795_000_000,
      model: "small",
      choices: [{ index: 0, delta: { content: "The" }, finish_reason: null }],
    },
  });
export type ChatCompletionChunk = z.infer<typeof ChatCompletionChunk>;
