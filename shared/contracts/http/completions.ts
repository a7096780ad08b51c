import { z } from "zod";
import { ChatUsage } from "./chat.ts";
import { ModelName, StopSequences, StreamOptions } from "./fields.ts";
import { TextInput } from "./text-input.ts";

/** `POST /v1/completions`, the older text surface. */
export const CompletionsRequest = z
  .looseObject({
    model: ModelName,
    prompt: TextInput,
    stream: z.boolean().nullish(),
    stream_options: StreamOptions.nullish(),
    max_tokens: z.int().min(1).nullish(),
    n: z.int().min(1).max(128).nullish(),
    best_of: z.int().min(1).max(128).nullish(),
    echo: z.boolean().nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    stop: StopSequences.nullish(),
    seed: z.int().nullish(),
    user: z.string().max(256).nullish(),
  })
  .meta({
    id: "CompletionsRequest",
    example: { model: "small", prompt: "A cell is", max_tokens: 16 },
  });
export type CompletionsRequest = z.infer<typeof CompletionsRequest>;

export const Completion = z
  .looseObject({
    id: z.string(),
    object: z.literal("text_completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(z.looseObject({ index: z.int().min(0), text: z.string(), finish_reason: z.string().nullable() })),
    usage: ChatUsage.nullish(),
  })
  .meta({
    id: "Completion",
    description: "Also the shape of each frame of a stream.",
    example: {
      id: "cmpl-1",
      object: "text_completion",
      created: 1_795_000_000,
      model: "small",
      choices: [{ index: 0, text: " one deployment in one jurisdiction.", finish_reason: "stop" }],
      usage: { prompt_tokens: 3, completion_tokens: 7, total_tokens: 10 },
    },
  });
export type Completion = z.infer<typeof Completion>;
