import type { z } from "zod";
import { ChatCompletionRequest } from "../../../shared/contracts/http/chat.ts";
import { CompletionsRequest } from "../../../shared/contracts/http/completions.ts";
import { EmbeddingsRequest } from "../../../shared/contracts/http/embeddings.ts";
import { PredictRequest } from "../../../shared/contracts/http/predict.ts";
import type { TaskRequest } from "../../../shared/contracts/http/tasks.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { View } from "../../inference/view.ts";
import type { CallHeaders } from "../../pipeline/call-headers.ts";
import { parseInput } from "../input.ts";

const common = { shape: "openai", operation: "tasks.create", action: "inference:invoke" } as const;
const suffix = (task: string): string => task.slice("task_".length);

/** `input`: the member of the paradigm's own request that it becomes; null: its members are the request's. */
const PARADIGMS: Readonly<
  Record<TaskRequest["intent"], { view: View; schema: z.ZodType; input: string | null; streams: boolean }>
> = {
  chat: {
    view: { ...common, surface: "openai.chat", answerId: (task) => `chatcmpl-${suffix(task)}` },
    ...{ schema: ChatCompletionRequest, input: "messages", streams: true },
  },
  completion: {
    view: { ...common, surface: "openai.completions", answerId: (task) => `cmpl-${suffix(task)}` },
    ...{ schema: CompletionsRequest, input: "prompt", streams: true },
  },
  embedding: {
    view: { ...common, surface: "openai.embeddings", answerId: (task) => `emb-${suffix(task)}` },
    ...{ schema: EmbeddingsRequest, input: "input", streams: false },
  },
  predict: {
    view: { ...common, surface: "oip.infer", answerId: (task) => `infer-${suffix(task)}` },
    ...{ schema: PredictRequest, input: null, streams: false },
  },
};

/** A task's envelope as the request that its intent stands for. Throws `invalid-request` as that request's own operation. */
export function askedTask(asked: TaskRequest): { view: View; body: JsonObject } {
  const { view, schema, input, streams } = PARADIGMS[asked.intent];
  const said =
    asked.intent === "chat" && typeof asked.input === "string" ? [{ role: "user", content: asked.input }] : asked.input;
  const body = {
    ...asked.params,
    model: asked.model ?? "auto",
    ...(input === null ? (typeof said === "object" ? said : {}) : { [input]: said }),
    ...(streams ? { stream: asked.stream ?? false } : {}),
  };
  return { view, body: parseInput(schema, body, "body") as JsonObject }; // safe because: the schema is an object's
}

/** What an envelope says that other operations are told by headers. */
export function headersOf(asked: TaskRequest, headers: CallHeaders): Headers {
  const all = new Headers([...headers]);
  if (asked.privacy !== undefined) all.set("x-bailiwick-privacy", asked.privacy);
  if (asked.budget_usd !== undefined) all.set("x-bailiwick-budget-usd", asked.budget_usd);
  if (asked.deadline_ms !== undefined) all.set("x-bailiwick-deadline-ms", String(asked.deadline_ms));
  return all;
}
