import { z } from "zod";

/** A model alias that the caller may use. */
export const ModelObject = z
  .looseObject({
    id: z.string(),
    object: z.literal("model"),
    created: z.int().meta({ description: "Unix seconds." }),
    owned_by: z.string(),
  })
  .meta({
    id: "ModelObject",
    example: { id: "small", object: "model", created: 1_795_000_000, owned_by: "example" },
  });
export type ModelObject = z.infer<typeof ModelObject>;

/** OpenAI's list has no pages; the bound is `modelsMax`. */
export const ModelList = z.looseObject({ object: z.literal("list"), data: z.array(ModelObject) }).meta({
  id: "ModelList",
  example: {
    object: "list",
    data: [{ id: "small", object: "model", created: 1_795_000_000, owned_by: "example" }],
  },
});
export type ModelList = z.infer<typeof ModelList>;
