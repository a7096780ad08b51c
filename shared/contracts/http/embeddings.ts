import { z } from "zod";
import { ModelName, TokenCount } from "./fields.ts";
import { TextInput } from "./text-input.ts";

/** `POST /v1/embeddings`. Both OpenAI SDKs ask for `base64` (little-endian float32) by default. */
export const EmbeddingsRequest = z
  .looseObject({
    model: ModelName,
    input: TextInput,
    encoding_format: z.enum(["float", "base64"]).nullish(),
    dimensions: z.int().min(1).max(65_536).nullish(),
    user: z.string().max(256).nullish(),
  })
  .meta({
    id: "EmbeddingsRequest",
    example: { model: "embedding", input: ["one text", "another text"], encoding_format: "float" },
  });
export type EmbeddingsRequest = z.infer<typeof EmbeddingsRequest>;

export const EmbeddingsResponse = z
  .looseObject({
    object: z.literal("list"),
    data: z.array(
      z.looseObject({
        object: z.literal("embedding"),
        index: z.int().min(0),
        embedding: z.union([
          z.array(z.number()),
          z.string().meta({ description: "Base64 of little-endian float32 values." }),
        ]),
      }),
    ),
    model: z.string(),
    usage: z.looseObject({ prompt_tokens: TokenCount, total_tokens: TokenCount }),
  })
  .meta({
    id: "EmbeddingsResponse",
    example: {
      object: "list",
      data: [
        { object: "embedding", index: 0, embedding: [0.12, -0.5, 0.33] },
        { object: "embedding", index: 1, embedding: [0.1, -0.47, 0.29] },
      ],
      model: "embedding",
      usage: { prompt_tokens: 4, total_tokens: 4 },
    },
  });
export type EmbeddingsResponse = z.infer<typeof EmbeddingsResponse>;
