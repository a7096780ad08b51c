import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { BATCH_STATUSES } from "../ports/batch-store.ts";
import { Metadata } from "./fields.ts";

/** What the lines of a batch may ask for, each one with the operation that it is. */
export const BATCH_ENDPOINTS = {
  "/v1/chat/completions": "chat.completions.create",
  "/v1/embeddings": "embeddings.create",
  "/v1/responses": "responses.create",
  "/v1/completions": "completions.create",
  // Beyond OpenAI's: tensors, in their JSON form.
  "/v1/predict": "predict.create",
} as const;
export type BatchEndpoint = keyof typeof BATCH_ENDPOINTS;
const endpoints = Object.keys(BATCH_ENDPOINTS) as [BatchEndpoint, ...BatchEndpoint[]]; // safe because: the record is not empty

/** `POST /v1/batches`. */
export const CreateBatch = z
  .looseObject({
    input_file_id: z.string().max(128),
    endpoint: z.enum(endpoints),
    completion_window: z.literal("24h"),
    metadata: Metadata.nullish(),
    output_expires_after: z
      .strictObject({
        anchor: z.literal("created_at"),
        seconds: z.int().min(LIMITS.fileExpiresSMin).max(LIMITS.fileExpiresSMax),
      })
      .nullish(),
  })
  .meta({
    id: "CreateBatch",
    example: {
      input_file_id: "file-01JD0000000000000000000000",
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    },
  });
export type CreateBatch = z.infer<typeof CreateBatch>;

const time = z.int().nullable();

/** OpenAI's batch. */
export const BatchObject = z
  .strictObject({
    id: z.string(),
    object: z.literal("batch"),
    endpoint: z.string(),
    model: z.string().nullable(),
    errors: z
      .strictObject({
        object: z.literal("list"),
        data: z.array(
          z.strictObject({
            code: z.string(),
            line: z.int().nullable(),
            message: z.string(),
            param: z.string().nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string(),
    completion_window: z.literal("24h"),
    status: z.enum(BATCH_STATUSES),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: z.int(),
    in_progress_at: time,
    expires_at: z.int(),
    finalizing_at: time,
    completed_at: time,
    failed_at: time,
    expired_at: time,
    cancelling_at: time,
    cancelled_at: time,
    request_counts: z.strictObject({ total: z.int(), completed: z.int(), failed: z.int() }),
    usage: z.strictObject({
      input_tokens: z.int(),
      input_tokens_details: z.strictObject({ cached_tokens: z.int() }),
      output_tokens: z.int(),
      output_tokens_details: z.strictObject({ reasoning_tokens: z.int() }),
      total_tokens: z.int(),
    }),
    metadata: z.record(z.string(), z.string()).nullable(),
  })
  .meta({
    id: "Batch",
    example: {
      id: "batch_01JD0000000000000000000000",
      object: "batch",
      endpoint: "/v1/chat/completions",
      model: "small",
      errors: null,
      input_file_id: "file-01JD0000000000000000000000",
      completion_window: "24h",
      status: "completed",
      output_file_id: "file-01JD0000000000000000000001",
      error_file_id: null,
      created_at: 1_795_000_000,
      in_progress_at: 1_795_000_001,
      expires_at: 1_795_086_400,
      finalizing_at: 1_795_000_059,
      completed_at: 1_795_000_060,
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 2, completed: 2, failed: 0 },
      usage: {
        input_tokens: 20,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 40,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 60,
      },
      metadata: { run: "nightly" },
    },
  });
export type BatchObject = z.infer<typeof BatchObject>;

export const BatchesQuery = z.looseObject({
  after: z.string().max(128).optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
});

export const BatchList = z
  .strictObject({
    object: z.literal("list"),
    data: z.array(BatchObject),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: "BatchList", example: { object: "list", data: [], first_id: null, last_id: null, has_more: false } });
