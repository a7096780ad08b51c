import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { ModelName, TokenCount, Typed } from "./fields.ts";

const blocks = z.array(Typed).max(LIMITS.messagesMax);

/** `POST /v1/messages`: Anthropic's shape, for clients that speak it. */
export const MessagesRequest = z
  .looseObject({
    model: ModelName,
    max_tokens: z.int().min(1),
    messages: z
      .array(z.looseObject({ role: z.string().min(1).max(32), content: z.union([z.string(), blocks]) }))
      .min(1)
      .max(LIMITS.messagesMax),
    system: z.union([z.string(), blocks]).nullish(),
    stream: z.boolean().nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    top_k: z.int().min(0).nullish(),
    stop_sequences: z.array(z.string()).max(64).nullish(),
    tools: z
      .array(z.looseObject({ name: z.string().max(256) }))
      .max(LIMITS.toolsMax)
      .nullish(),
    tool_choice: Typed.nullish(),
    metadata: z.looseObject({ user_id: z.string().max(256).nullish() }).nullish(),
  })
  .meta({
    id: "MessagesRequest",
    example: {
      model: "small",
      max_tokens: 64,
      system: "Answer in one sentence.",
      messages: [{ role: "user", content: "What is a jurisdiction?" }],
    },
  });
export type MessagesRequest = z.infer<typeof MessagesRequest>;

export const MessageObject = z
  .looseObject({
    id: z.string(),
    type: z.literal("message"),
    role: z.literal("assistant"),
    model: z.string(),
    content: z.array(Typed),
    stop_reason: z.string().nullable(),
    stop_sequence: z.string().nullish(),
    usage: z.looseObject({ input_tokens: TokenCount, output_tokens: TokenCount }),
  })
  .meta({
    id: "MessageObject",
    example: {
      id: "msg_1",
      type: "message",
      role: "assistant",
      model: "small",
      content: [{ type: "text", text: "The territory in which a law applies." }],
      stop_reason: "end_turn",
      stop_sequence: null,
      usage: { input_tokens: 21, output_tokens: 8 },
    },
  });
export type MessageObject = z.infer<typeof MessageObject>;

/** One named event of a messages stream, `message_start` to `message_stop`. */
export const MessageStreamEvent = Typed.meta({
  id: "MessageStreamEvent",
  example: { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "The" } },
});
