import { z } from "zod";
import { TaskEnvelope } from "./tasks.ts";

/** What a callback carries: the task as `GET /v1/tasks/{id}` tells it, without its result. */
export const TaskCallbackEvent = z
  .strictObject({
    specversion: z.literal("1.0"),
    id: z.string().meta({ description: "The same in every try; also the header `x-bailiwick-delivery`." }),
    source: z.string(),
    type: z.literal("bailiwick.tasks.finished.v1"),
    subject: z.string().meta({ description: "The task." }),
    time: z.iso.datetime(),
    datacontenttype: z.literal("application/json"),
    data: z.strictObject({
      task: TaskEnvelope.omit({ result: true, callback: true }),
      url: z.string().meta({ description: "Where the task and its result are, for who may read them." }),
    }),
  })
  .meta({ id: "TaskCallbackEvent" });
export type TaskCallbackEvent = z.infer<typeof TaskCallbackEvent>;
