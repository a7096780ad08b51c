import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { Metadata, ModelName, TokenCount, ToolChoice, Tools, Typed } from "./fields.ts";

/**
 * One input item: a message, a call, its output, an approval. `type` may be absent on plain messages, and on references to
 * earlier items; what is a message by either has a role.
 */
export const ResponseItem = z
  .looseObject({
    id: z.string().max(256).nullish(),
    type: z.string().max(64).nullish(),
    role: z.string().min(1).max(32).nullish(),
    content: z.union([z.string(), z.array(Typed).max(LIMITS.messagesMax)]).nullish(),
  })
  .refine(({ id, type, role }) => role != null || (type == null ? id != null : type !== "message"), {
    error: "a message has a role",
    path: ["role"],
  });

/** Ids are opened by the operation: a malformed one and another tenant's get the same 404. */
const Reference = z.string().min(1).max(128);

/** `POST /v1/responses`. */
export const ResponsesRequest = z
  .looseObject({
    model: ModelName,
    input: z.union([z.string(), z.array(ResponseItem).max(LIMITS.messagesMax)]).nullish(),
    instructions: z.string().nullish(),
    stream: z.boolean().nullish(),
    background: z.boolean().nullish(),
    store: z.boolean().nullish(),
    previous_response_id: Reference.nullish(),
    conversation: z.union([Reference, z.looseObject({ id: Reference })]).nullish(),
    max_output_tokens: z.int().min(1).nullish(),
    max_tool_calls: z.int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    tools: Tools.nullish(),
    tool_choice: ToolChoice.nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z.looseObject({ format: Typed.nullish() }).nullish(),
    reasoning: z.looseObject({}).nullish(),
    include: z.array(z.string().max(128)).max(32).nullish(),
    truncation: z.string().max(32).nullish(),
    metadata: Metadata.nullish(),
    user: z.string().max(256).nullish(),
    safety_identifier: z.string().max(256).nullish(),
    prompt_cache_key: z.string().max(256).nullish(),
    service_tier: z.string().max(32).nullish(),
  })
  .refine((body) => body.previous_response_id == null || body.conversation == null, {
    error: "previous_response_id and conversation exclude each other",
    path: ["conversation"],
  })
  .refine((body) => body.input != null || body.previous_response_id != null || body.conversation != null, {
    error: "input is required unless a previous response or a conversation is continued",
    path: ["input"],
  })
  .meta({
    id: "ResponsesRequest",
    example: { model: "small", input: "What is a jurisdiction?", max_output_tokens: 64 },
  });
export type ResponsesRequest = z.infer<typeof ResponsesRequest>;

export const RESPONSE_STATUSES = ["completed", "failed", "in_progress", "cancelled", "queued", "incomplete"] as const;

export const ResponseObject = z
  .looseObject({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.number(),
    status: z.enum(RESPONSE_STATUSES),
    model: z.string(),
    output: z.array(z.looseObject({ type: z.string() })),
    error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
    incomplete_details: z.looseObject({}).nullish(),
    previous_response_id: z.string().nullish(),
    store: z.boolean().nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
    usage: z.looseObject({ input_tokens: TokenCount, output_tokens: TokenCount, total_tokens: TokenCount }).nullish(),
  })
  .meta({
    id: "ResponseObject",
    example: {
      id: "resp_01JD0000000000000000000000_01JD0000000000000000000001",
      object: "response",
      created_at: 1_795_000_000,
      status: "completed",
      model: "small",
      output: [
        {
          id: "msg_1",
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "The territory in which a law applies.", annotations: [] }],
        },
      ],
      error: null,
      store: false,
      usage: { input_tokens: 21, output_tokens: 8, total_tokens: 29 },
    },
  });
export type ResponseObject = z.infer<typeof ResponseObject>;

/** `starting_after` is of streams; members that are not known are OpenAI's own. */
export const ResponseQuery = z.looseObject({
  stream: z.enum(["true", "false"]).optional(),
  starting_after: z.coerce.number().int().min(0).optional(),
});

/** One event of a responses stream; `sequence_number` is what `starting_after` counts. */
export const ResponseStreamEvent = z
  .looseObject({ type: z.string(), sequence_number: z.int().min(0).optional() })
  .meta({
    id: "ResponseStreamEvent",
    example: { type: "response.output_text.delta", sequence_number: 4, item_id: "msg_1", delta: "The" },
  });

export const ResponseDeleted = z.looseObject({ id: z.string(), object: z.string(), deleted: z.literal(true) }).meta({
  id: "ResponseDeleted",
  example: {
    id: "resp_01JD0000000000000000000000_01JD0000000000000000000001",
    object: "response",
    deleted: true,
  },
});
