/** Bodies of the test upstream, in OpenAI's shapes. Usage is fixed, so that costs can be asserted. */
export const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } as const;
export const EMBEDDING = [0.5, -0.25, 0.125, 1] as const;

export interface ChatBody {
  model: string;
  stream?: boolean;
  messages: { role: string; content: unknown; tool_calls?: unknown }[];
  tools?: unknown[];
  response_format?: { type: string };
  stream_options?: { include_usage?: boolean };
}

type Part = { type: string; text?: string };
const partsOf = (content: unknown): Part[] =>
  typeof content === "string" ? [{ type: "text", text: content }] : Array.isArray(content) ? content : [];

/** What the model says: an echo of the last message, the number of its images, a tool call or structured text. */
export function said(body: ChatBody): { content: string | null; tool_calls?: object[] } {
  const last = body.messages.at(-1);
  const parts = partsOf(last?.content);
  const images = parts.filter((part) => part.type === "image_url").length;
  if (images > 0) return { content: `images: ${images}` };
  if (body.tools && body.tools.length > 0 && last?.role !== "tool")
    return {
      content: null,
      tool_calls: [{ id: "call_1", type: "function", function: { name: "lookup", arguments: '{"city":"Oslo"}' } }],
    };
  if (body.response_format?.type === "json_schema") return { content: '{"city":"Oslo","population":700000}' };
  return { content: `echo: ${parts.map((part) => part.text ?? "").join("")}` };
}

export const finishOf = (message: { tool_calls?: object[] }): string => (message.tool_calls ? "tool_calls" : "stop");

export function completion(body: ChatBody): object {
  const message = said(body);
  return {
    id: "chatcmpl-upstream",
    object: "chat.completion",
    created: 1_795_000_000,
    model: body.model,
    choices: [
      { index: 0, message: { role: "assistant", ...message }, finish_reason: finishOf(message), logprobs: null },
    ],
    usage: USAGE,
    system_fingerprint: "fp_test",
  };
}

/** Stream frames as JSON texts, without [DONE]. */
export function frames(body: ChatBody): string[] {
  const message = said(body);
  const chunk = (choices: object[], more: object = {}) =>
    JSON.stringify({
      id: "chatcmpl-upstream",
      object: "chat.completion.chunk",
      created: 1_795_000_000,
      model: body.model,
      choices,
      ...more,
    });
  const delta = (value: object, finish: string | null = null) =>
    chunk([{ index: 0, delta: value, finish_reason: finish }]);
  const words = (message.content ?? "").match(/\S+\s*/g) ?? [];
  return [
    delta({ role: "assistant", content: "" }),
    ...words.map((content) => delta({ content })),
    ...(message.tool_calls ?? []).map((call) => delta({ tool_calls: [{ index: 0, ...call }] })),
    delta({}, finishOf(message)),
    ...(body.stream_options?.include_usage ? [chunk([], { usage: USAGE })] : []),
  ];
}

export function textCompletion(body: { model: string; prompt: unknown }): object {
  return {
    id: "cmpl-upstream",
    object: "text_completion",
    created: 1_795_000_000,
    model: body.model,
    choices: [{ index: 0, text: `echo: ${String(body.prompt)}`, finish_reason: "stop", logprobs: null }],
    usage: USAGE,
  };
}

export function embeddings(body: { model: string; input: unknown; encoding_format?: string }): object {
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  const base64 = Buffer.from(Float32Array.from(EMBEDDING).buffer).toString("base64");
  return {
    object: "list",
    model: body.model,
    data: inputs.map((_, index) => ({
      object: "embedding",
      index,
      embedding: body.encoding_format === "base64" ? base64 : EMBEDDING,
    })),
    usage: { prompt_tokens: 10, total_tokens: 10 },
  };
}
