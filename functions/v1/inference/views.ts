import { ChatCompletion, ChatCompletionRequest } from "../../../shared/contracts/http/chat.ts";
import { Completion, CompletionsRequest } from "../../../shared/contracts/http/completions.ts";
import { EmbeddingsRequest, EmbeddingsResponse } from "../../../shared/contracts/http/embeddings.ts";
import { MessageObject, MessagesRequest } from "../../../shared/contracts/http/messages.ts";
import { PredictRequest, PredictResponse } from "../../../shared/contracts/http/predict.ts";
import { ResponseObject, ResponsesRequest } from "../../../shared/contracts/http/responses.ts";
import { viewOperation } from "./view-operation.ts";

const suffix = (task: string): string => task.slice("task_".length);

export const chatCompletions = viewOperation({
  id: "chat.completions.create",
  path: "/v1/chat/completions",
  aliases: ["/openai/deployments/{deployment}/chat/completions", "/openai/v1/chat/completions"],
  surface: "openai.chat",
  answerId: (task) => `chatcmpl-${suffix(task)}`,
  body: ChatCompletionRequest,
  answer: ChatCompletion,
  streams: true,
  summary: "Complete a chat",
});

export const responses = viewOperation({
  id: "responses.create",
  path: "/v1/responses",
  aliases: ["/openai/v1/responses", "/openai/responses"],
  surface: "openai.responses",
  // Every Responses answer has a session's id; this form is for answers that are not stored.
  answerId: (task) => `resp_${suffix(task)}`,
  body: ResponsesRequest,
  answer: ResponseObject,
  streams: true,
  // Of the session that a response continues or is kept in.
  problems: ["version-conflict", "limit-reached"],
  summary: "Create a response",
});

export const completions = viewOperation({
  id: "completions.create",
  path: "/v1/completions",
  aliases: ["/openai/deployments/{deployment}/completions"],
  surface: "openai.completions",
  answerId: (task) => `cmpl-${suffix(task)}`,
  body: CompletionsRequest,
  answer: Completion,
  streams: true,
  summary: "Complete a prompt",
});

export const embeddings = viewOperation({
  id: "embeddings.create",
  path: "/v1/embeddings",
  aliases: ["/openai/deployments/{deployment}/embeddings", "/openai/v1/embeddings"],
  surface: "openai.embeddings",
  answerId: (task) => `emb-${suffix(task)}`,
  body: EmbeddingsRequest,
  answer: EmbeddingsResponse,
  streams: false,
  summary: "Embed texts",
});

export const messages = viewOperation({
  id: "messages.create",
  path: "/v1/messages",
  surface: "anthropic.messages",
  answerId: (task) => `msg_${suffix(task)}`,
  body: MessagesRequest,
  answer: MessageObject,
  streams: true,
  shape: "anthropic",
  summary: "Create a message (Anthropic's shape)",
});

/** Tensors in the JSON form; under `/v2` also as clients of the Open Inference Protocol send them. */
export const predict = viewOperation({
  id: "predict.create",
  path: "/v1/predict",
  aliases: ["/v2/models/{deployment}/infer", "/v2/models/{deployment}/versions/{version}/infer"],
  surface: "oip.infer",
  answerId: (task) => `infer-${suffix(task)}`,
  body: PredictRequest,
  answer: PredictResponse,
  streams: false,
  tensors: true,
  summary: "Infer over tensors",
});
