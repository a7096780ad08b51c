import type { JsonObject } from "../../shared/contracts/json.ts";

/** One answer in both its forms. */
export interface MockAnswer {
  body: JsonObject;
  frames: string[];
}

export const MOCK_TEXT = ["Hello", " from", " the", " mock", ", größer", ' than "usage": {', "data: [DONE]\n", "."];
export const MOCK_TOOL = { id: "call_mock", name: "get_weather", arguments: ['{"city"', ':"Par', 'is"}'] };
export const MOCK_USAGE = { input: 20, cached: 5, output: 8 };
const CREATED = 1_700_000_000;

/** The answer of an endpoint, null when the path is none. A request that demands a tool gets a call. */
export function mockAnswer(path: string, body: JsonObject, reports: string | null): MockAnswer | null {
  const route = path.split("?", 1)[0] ?? "";
  const model = reports ?? String(body.model);
  const tool = body.tool_choice !== undefined && body.tool_choice !== "none" && body.tool_choice !== "auto";
  if (route.endsWith("/chat/completions")) return chat(model, tool, body);
  if (route.endsWith("/completions")) return completions(model, body);
  if (route.endsWith("/responses")) return responses(model);
  if (route.endsWith("/messages")) return messages(model, tool);
  const [, served] = /\/v2\/models\/([^/]+)\/infer$/.exec(route) ?? [];
  if (served !== undefined) return { body: { model_name: reports ?? served, outputs: body.inputs ?? [] }, frames: [] };
  if (route.endsWith("/embeddings")) return { body: embeddings(model), frames: [] };
  return null;
}

const data = (frame: JsonObject): string => `data: ${JSON.stringify(frame)}\n\n`;
const event = (frame: JsonObject): string => `event: ${String(frame.type)}\ndata: ${JSON.stringify(frame)}\n\n`;
const wantsUsage = (body: JsonObject): boolean => JSON.stringify(body.stream_options ?? {}).includes("true");

const CHAT_USAGE: JsonObject = {
  prompt_tokens: MOCK_USAGE.input,
  completion_tokens: MOCK_USAGE.output,
  total_tokens: MOCK_USAGE.input + MOCK_USAGE.output,
  prompt_tokens_details: { cached_tokens: MOCK_USAGE.cached },
};

function chat(model: string, tool: boolean, body: JsonObject): MockAnswer {
  const head = { id: "chatcmpl-mock", created: CREATED, model };
  const finish = tool ? "tool_calls" : "stop";
  const call = {
    id: MOCK_TOOL.id,
    type: "function",
    function: { name: MOCK_TOOL.name, arguments: MOCK_TOOL.arguments.join("") },
  };
  const message: JsonObject = tool
    ? { role: "assistant", content: null, tool_calls: [call] }
    : { role: "assistant", content: MOCK_TEXT.join("") };
  const chunk = (delta: JsonObject, finish_reason: string | null = null): string =>
    data({
      ...head,
      object: "chat.completion.chunk",
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      usage: null,
    });
  const opening: JsonObject = tool
    ? {
        role: "assistant",
        content: null,
        tool_calls: [{ index: 0, ...call, function: { name: MOCK_TOOL.name, arguments: "" } }],
      }
    : { role: "assistant", content: "" };
  const deltas: JsonObject[] = tool
    ? MOCK_TOOL.arguments.map((text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] }))
    : MOCK_TEXT.map((content) => ({ content }));
  return {
    body: {
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: finish }],
      usage: CHAT_USAGE,
    },
    frames: [
      chunk(opening),
      ...deltas.map((delta) => chunk(delta)),
      chunk({}, finish),
      ...(wantsUsage(body) ? [data({ ...head, object: "chat.completion.chunk", choices: [], usage: CHAT_USAGE })] : []),
      "data: [DONE]\n\n",
    ],
  };
}

function completions(model: string, body: JsonObject): MockAnswer {
  const head = { id: "cmpl-mock", object: "text_completion", created: CREATED, model };
  const choice = (text: string, finish_reason: string | null): JsonObject => ({
    index: 0,
    text,
    logprobs: null,
    finish_reason,
  });
  return {
    body: { ...head, choices: [choice(MOCK_TEXT.join(""), "stop")], usage: CHAT_USAGE },
    frames: [
      ...MOCK_TEXT.map((text) => data({ ...head, choices: [choice(text, null)] })),
      data({ ...head, choices: [choice("", "stop")] }),
      ...(wantsUsage(body) ? [data({ ...head, choices: [], usage: CHAT_USAGE })] : []),
      "data: [DONE]\n\n",
    ],
  };
}

function responses(model: string): MockAnswer {
  const usage = {
    input_tokens: MOCK_USAGE.input,
    input_tokens_details: { cached_tokens: MOCK_USAGE.cached },
    output_tokens: MOCK_USAGE.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: MOCK_USAGE.input + MOCK_USAGE.output,
  };
  const part = { type: "output_text", text: MOCK_TEXT.join(""), annotations: [] };
  const item = { id: "msg_mock", type: "message", role: "assistant", status: "completed", content: [part] };
  const head = {
    id: "resp_mock",
    object: "response",
    created_at: CREATED,
    model,
    error: null,
    incomplete_details: null,
  };
  // A schema that is repeated with members named like the markers.
  const tools = [
    { type: "function", name: "t", parameters: { properties: { model: { default: "x" }, error: { type: "string" } } } },
  ];
  const running = { ...head, status: "in_progress", output: [], tools, usage: null };
  const body: JsonObject = { ...head, status: "completed", output: [item], tools, usage };
  const at = { item_id: item.id, output_index: 0, content_index: 0 };
  const events: JsonObject[] = [
    { type: "response.created", response: running },
    { type: "response.in_progress", response: running },
    { type: "response.output_item.added", output_index: 0, item: { ...item, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...at, part: { ...part, text: "" } },
    ...MOCK_TEXT.map((delta) => ({ type: "response.output_text.delta", ...at, delta })),
    { type: "response.output_text.done", ...at, text: part.text },
    { type: "response.content_part.done", ...at, part },
    { type: "response.output_item.done", output_index: 0, item },
    { type: "response.completed", response: body },
  ];
  return { body, frames: events.map((each, sequence_number) => event({ ...each, sequence_number })) };
}

function messages(model: string, tool: boolean): MockAnswer {
  const usage = {
    input_tokens: MOCK_USAGE.input - MOCK_USAGE.cached,
    cache_read_input_tokens: MOCK_USAGE.cached,
    cache_creation_input_tokens: 0,
    output_tokens: MOCK_USAGE.output,
  };
  const head = { id: "msg_mock", type: "message", role: "assistant", model };
  const block: JsonObject = tool
    ? { type: "tool_use", id: MOCK_TOOL.id, name: MOCK_TOOL.name, input: JSON.parse(MOCK_TOOL.arguments.join("")) }
    : { type: "text", text: MOCK_TEXT.join("") };
  const stop = { stop_reason: tool ? "tool_use" : "end_turn", stop_sequence: null };
  const deltas: JsonObject[] = tool
    ? MOCK_TOOL.arguments.map((partial_json) => ({ type: "input_json_delta", partial_json }))
    : MOCK_TEXT.map((text) => ({ type: "text_delta", text }));
  const empty: JsonObject = tool ? { ...block, input: {} } : { type: "text", text: "" };
  const events: JsonObject[] = [
    {
      type: "message_start",
      message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } },
    },
    { type: "content_block_start", index: 0, content_block: empty },
    { type: "ping" },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: stop, usage: { output_tokens: MOCK_USAGE.output } },
    { type: "message_stop" },
  ];
  return { body: { ...head, content: [block], ...stop, usage }, frames: events.map(event) };
}

const embeddings = (model: string): JsonObject => ({
  object: "list",
  data: [{ object: "embedding", index: 0, embedding: [0.6, 0.8] }],
  model,
  usage: { prompt_tokens: MOCK_USAGE.input, total_tokens: MOCK_USAGE.input },
});
