import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { Metadata } from "./fields.ts";
import { ResponseItem } from "./responses.ts";

/** OpenAI's bound on items in one call; more are added by further calls. */
const itemsPerCallMax = 20;
const conversation = "conv_01JD0000000000000000000000";

/** `POST /v1/conversations`. OpenAI's shape, so unknown members are tolerated. */
export const CreateConversation = z
  .looseObject({ items: z.array(ResponseItem).max(itemsPerCallMax).nullish(), metadata: Metadata.nullish() })
  .meta({
    id: "CreateConversation",
    example: { items: [{ type: "message", role: "user", content: "Hello" }], metadata: { ticket: "T-1024" } },
  });
export type CreateConversation = z.infer<typeof CreateConversation>;

export const UpdateConversation = z
  .looseObject({ metadata: Metadata })
  .meta({ id: "UpdateConversation", example: { metadata: { ticket: "T-1025" } } });
export type UpdateConversation = z.infer<typeof UpdateConversation>;

export const ConversationObject = z
  .looseObject({
    id: z.string(),
    object: z.literal("conversation"),
    created_at: z.int().meta({ description: "Unix seconds, as OpenAI has it." }),
    metadata: z.record(z.string(), z.string()).nullable(),
    version: z.int().min(0).optional().meta({ description: "Increases with every change of the conversation." }),
    expires_at: z.int().optional().meta({ description: "Unix seconds." }),
  })
  .meta({
    id: "ConversationObject",
    example: {
      id: conversation,
      object: "conversation",
      created_at: 1_795_000_000,
      metadata: { ticket: "T-1024" },
      version: 1,
    },
  });
export type ConversationObject = z.infer<typeof ConversationObject>;

export const ConversationDeleted = z
  .looseObject({ id: z.string(), object: z.literal("conversation.deleted"), deleted: z.literal(true) })
  .meta({
    id: "ConversationDeleted",
    example: { id: conversation, object: "conversation.deleted", deleted: true },
  });

/** `POST /v1/conversations/{id}/items`. */
export const CreateConversationItems = z
  .looseObject({ items: z.array(ResponseItem).min(1).max(itemsPerCallMax) })
  .meta({
    id: "CreateConversationItems",
    example: { items: [{ type: "message", role: "user", content: "And a cell?" }] },
  });
export type CreateConversationItems = z.infer<typeof CreateConversationItems>;

export const ConversationItem = z
  .looseObject({ id: z.string(), type: z.string(), status: z.string().nullish(), role: z.string().nullish() })
  .meta({
    id: "ConversationItem",
    example: {
      id: "msg_1",
      type: "message",
      status: "completed",
      role: "user",
      content: [{ type: "input_text", text: "Hello" }],
    },
  });
export type ConversationItem = z.infer<typeof ConversationItem>;

/** OpenAI's list shape: `after` takes the last id of the page before. Also the answer of `…/input_items`. */
export const ConversationItemList = z
  .looseObject({
    object: z.literal("list"),
    data: z.array(ConversationItem),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({
    id: "ConversationItemList",
    example: {
      object: "list",
      data: [{ id: "msg_1", type: "message", status: "completed", role: "user" }],
      first_id: "msg_1",
      last_id: "msg_1",
      has_more: false,
    },
  });
export type ConversationItemList = z.infer<typeof ConversationItemList>;

/** Query of item lists; values come as text. */
export const ConversationItemsQuery = z.looseObject({
  after: z.string().max(128).optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
  order: z.enum(["asc", "desc"]).default("desc"),
});
export type ConversationItemsQuery = z.infer<typeof ConversationItemsQuery>;
