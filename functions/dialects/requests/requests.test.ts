import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { translators } from "../translators.ts";

const WEATHER: JsonObject = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const PNG = "iVBORw0KGgo=";

function translate(surface: Dialect, engine: Dialect, body: JsonObject): JsonObject {
  const result = translators[surface][engine]?.request(structuredClone(body), { outputTokensDefault: 512 });
  if (!result?.ok) throw new Error(JSON.stringify(result));
  return result.value;
}
function refusal(surface: Dialect, engine: Dialect, body: JsonObject): unknown {
  const result = translators[surface][engine]?.request(body, { outputTokensDefault: 512 });
  if (result === undefined || result.ok) throw new Error("the request was expected to be refused");
  return { reason: result.error.reason, param: result.error.param };
}

/** The same conversation with tools, images and a schema, as each surface says it. */
const SAID: Readonly<Record<"openai.chat" | "openai.responses" | "anthropic.messages", JsonObject>> = {
  "openai.chat": {
    model: "m",
    max_completion_tokens: 100,
    temperature: 0.5,
    messages: [
      { role: "system", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
        ],
      },
      {
        role: "assistant",
        content: "let me see",
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } },
          { id: "call_2", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: "sun" },
      { role: "tool", tool_call_id: "call_2", content: "rain" },
      { role: "user", content: "and now?" },
    ],
    tools: [{ type: "function", function: { name: "weather", description: "of a city", parameters: WEATHER } }],
    tool_choice: "required",
    parallel_tool_calls: false,
    reasoning_effort: "low",
    response_format: { type: "json_schema", json_schema: { name: "output", schema: WEATHER, strict: true } },
    user: "u1",
  },
  "openai.responses": {
    model: "m",
    max_output_tokens: 100,
    temperature: 0.5,
    instructions: "be brief",
    input: [
      {
        role: "user",
        content: [
          { type: "input_text", text: "look" },
          { type: "input_image", image_url: `data:image/png;base64,${PNG}` },
        ],
      },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "let me see" }] },
      { type: "reasoning", id: "rs_1", summary: [] },
      { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Paris"}' },
      { type: "function_call", call_id: "call_2", name: "weather", arguments: '{"city":"Rome"}' },
      { type: "function_call_output", call_id: "call_1", output: "sun" },
      { type: "function_call_output", call_id: "call_2", output: [{ type: "input_text", text: "rain" }] },
      { role: "user", content: "and now?" },
    ],
    tools: [{ type: "function", name: "weather", description: "of a city", parameters: WEATHER }],
    tool_choice: "required",
    parallel_tool_calls: false,
    reasoning: { effort: "low", summary: "auto" },
    text: { format: { type: "json_schema", name: "output", schema: WEATHER, strict: true } },
    user: "u1",
    store: false,
    truncation: "disabled",
    include: ["reasoning.encrypted_content"],
  },
  "anthropic.messages": {
    model: "m",
    max_tokens: 100,
    temperature: 0.5,
    system: [{ type: "text", text: "be brief" }],
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: "look" },
          { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "let me see" },
          { type: "tool_use", id: "call_1", name: "weather", input: { city: "Paris" } },
          { type: "tool_use", id: "call_2", name: "weather", input: { city: "Rome" } },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "call_1", content: [{ type: "text", text: "sun" }] },
          { type: "tool_result", tool_use_id: "call_2", content: [{ type: "text", text: "rain" }] },
          { type: "text", text: "and now?" },
        ],
      },
    ],
    tools: [{ name: "weather", description: "of a city", input_schema: WEATHER }],
    tool_choice: { type: "any", disable_parallel_tool_use: true },
    output_config: { effort: "low", format: { type: "json_schema", schema: WEATHER } },
    metadata: { user_id: "u1" },
  },
};

describe("requests", () => {
  it("says a Responses request in chat, so that any OpenAI-shaped engine serves it", () => {
    expect(translate("openai.responses", "openai.chat", SAID["openai.responses"])).toEqual(SAID["openai.chat"]);
  });

  it("says a chat request in Messages, tools, images and schema included", () => {
    expect(translate("openai.chat", "anthropic.messages", SAID["openai.chat"])).toEqual(SAID["anthropic.messages"]);
  });

  it("says a Responses request in Messages by way of chat", () => {
    expect(translate("openai.responses", "anthropic.messages", SAID["openai.responses"])).toEqual(
      SAID["anthropic.messages"],
    );
  });

  it("says a Messages request in chat, with a plain user turn as its only part list", () => {
    const chat = structuredClone(SAID["openai.chat"]);
    const messages = Array.isArray(chat.messages) ? chat.messages : [];
    messages[5] = { role: "user", content: [{ type: "text", text: "and now?" }] };
    expect(translate("anthropic.messages", "openai.chat", SAID["anthropic.messages"])).toEqual(chat);
  });

  it("changes nothing in the caller's body, so that fingerprints and replays see what was sent", () => {
    const before = structuredClone(SAID);
    for (const surface of ["openai.chat", "openai.responses", "anthropic.messages"] as const)
      for (const translation of Object.values(translators[surface]))
        translation.request(SAID[surface], { outputTokensDefault: 1 });
    expect(SAID).toEqual(before);
  });

  it.each<[string, Dialect, Dialect, JsonObject, JsonObject]>([
    [
      "a completion prompt",
      "openai.completions",
      "openai.chat",
      { model: "m", prompt: ["hi"], max_tokens: 5, stop: "x", echo: false, best_of: 1 },
      { model: "m", messages: [{ role: "user", content: "hi" }], max_completion_tokens: 5, stop: "x" },
    ],
    [
      "an https image",
      "openai.chat",
      "anthropic.messages",
      {
        model: "m",
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://example.com/a.png" } }] }],
      },
      {
        model: "m",
        max_tokens: 512,
        messages: [
          { role: "user", content: [{ type: "image", source: { type: "url", url: "https://example.com/a.png" } }] },
        ],
      },
    ],
    [
      "a named tool, stop sequences and no reasoning",
      "openai.chat",
      "anthropic.messages",
      {
        model: "m",
        stop: "END",
        reasoning_effort: "none",
        messages: [{ role: "user", content: "x" }],
        tools: [{ type: "function", function: { name: "f" } }],
        tool_choice: { type: "function", function: { name: "f" } },
      },
      {
        model: "m",
        max_tokens: 512,
        stop_sequences: ["END"],
        thinking: { type: "disabled" },
        messages: [{ role: "user", content: [{ type: "text", text: "x" }] }],
        tools: [{ name: "f", input_schema: { type: "object", properties: {} } }],
        tool_choice: { type: "tool", name: "f" },
      },
    ],
    [
      "allowed tools",
      "openai.responses",
      "anthropic.messages",
      {
        model: "m",
        input: "x",
        tools: [
          { type: "function", name: "f", parameters: WEATHER },
          { type: "function", name: "g", parameters: WEATHER },
        ],
        tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "g" }] },
      },
      {
        model: "m",
        max_tokens: 512,
        messages: [{ role: "user", content: [{ type: "text", text: "x" }] }],
        tools: [{ name: "g", input_schema: WEATHER }],
        tool_choice: { type: "any" },
      },
    ],
    [
      "a thinking budget and a document",
      "anthropic.messages",
      "openai.chat",
      {
        model: "m",
        max_tokens: 9,
        thinking: { type: "enabled", budget_tokens: 8_000 },
        stop_sequences: ["END"],
        messages: [
          {
            role: "user",
            content: [
              {
                type: "document",
                title: "a.pdf",
                source: { type: "base64", media_type: "application/pdf", data: "AA==" },
              },
            ],
          },
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "…", signature: "s" },
              { type: "text", text: "ok" },
            ],
          },
        ],
      },
      {
        model: "m",
        max_completion_tokens: 9,
        reasoning_effort: "medium",
        stop: ["END"],
        messages: [
          {
            role: "user",
            content: [{ type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AA==" } }],
          },
          { role: "assistant", content: "ok" },
        ],
      },
    ],
  ])("says %s", (_, surface, engine, body, expected) => {
    expect(translate(surface, engine, body)).toEqual(expected);
  });

  const chat = (members: JsonObject): JsonObject => ({ messages: [{ role: "user", content: "x" }], ...members });
  it.each<[Dialect, Dialect, JsonObject, string, string]>([
    ["openai.responses", "openai.chat", { input: "x", background: true }, "unsupported", "background"],
    [
      "openai.responses",
      "openai.chat",
      { input: "x", previous_response_id: "r" },
      "unsupported",
      "previous_response_id",
    ],
    ["openai.responses", "openai.chat", { input: "x", truncation: "auto" }, "unsupported", "truncation"],
    [
      "openai.responses",
      "openai.chat",
      { input: "x", tools: [{ type: "web_search" }] },
      "unsupported",
      "tools[0].type",
    ],
    [
      "openai.responses",
      "openai.chat",
      { input: [{ type: "item_reference", id: "i" }] },
      "unsupported",
      "input[0].type",
    ],
    ["openai.responses", "openai.chat", { input: [{ role: "nobody", content: "x" }] }, "invalid", "input[0].role"],
    ["openai.responses", "openai.chat", {}, "invalid", "input"],
    ["openai.completions", "openai.chat", { prompt: ["a", "b"] }, "unsupported", "prompt"],
    ["openai.completions", "openai.chat", { prompt: [1, 2] }, "unsupported", "prompt"],
    ["openai.completions", "openai.chat", { prompt: "a", suffix: "b" }, "unsupported", "suffix"],
    ["openai.completions", "openai.chat", { prompt: "a", logprobs: 0 }, "unsupported", "logprobs"],
    ["openai.chat", "anthropic.messages", chat({ n: 2 }), "unsupported", "n"],
    ["openai.chat", "anthropic.messages", chat({ logprobs: true }), "unsupported", "logprobs"],
    ["openai.chat", "anthropic.messages", chat({ temperature: 1.5 }), "unsupported", "temperature"],
    ["openai.chat", "anthropic.messages", chat({ seed: 7 }), "unsupported", "seed"],
    [
      "openai.chat",
      "anthropic.messages",
      chat({ response_format: { type: "json_object" } }),
      "unsupported",
      "response_format",
    ],
    [
      "openai.chat",
      "anthropic.messages",
      { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] },
      "unsupported",
      "messages[0].content[0].type",
    ],
    [
      "openai.chat",
      "anthropic.messages",
      {
        messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "http://example.com/a.png" } }] }],
      },
      "unsupported",
      "messages[0].content[0].image_url.url",
    ],
    [
      "openai.chat",
      "anthropic.messages",
      { messages: [{ role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: "{" } }] }] },
      "invalid",
      "messages[0].tool_calls[0].function.arguments",
    ],
    ["anthropic.messages", "openai.chat", { top_k: 5, messages: [] }, "unsupported", "top_k"],
    [
      "anthropic.messages",
      "openai.chat",
      { messages: [], tools: [{ type: "bash_20250124" }] },
      "unsupported",
      "tools[0].type",
    ],
    [
      "anthropic.messages",
      "openai.chat",
      { messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] }] },
      "unsupported",
      "messages[0].content[0].source.type",
    ],
  ])("%s → %s refuses %j, so that no wish is dropped in silence", (surface, engine, body, reason, param) => {
    expect(refusal(surface, engine, body)).toEqual({ reason, param });
  });

  it("takes members that ask for nothing, because SDKs send their defaults", () => {
    const idle = {
      logprobs: false,
      logit_bias: {},
      presence_penalty: 0,
      n: 1,
      response_format: { type: "text" },
      seed: null,
    };
    expect(translate("openai.chat", "anthropic.messages", chat(idle)).messages).toHaveLength(1);
  });
});
