import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { generateText, jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anthropicEngine } from "../../functions/engines/anthropic/engine.ts";
import { openaiEngine } from "../../functions/engines/openai/engine.ts";
import { syntheticEngine } from "../../functions/engines/synthetic/engine.ts";
import type { Engine } from "../../shared/contracts/ports/engine.ts";
import { type DialectRelay, startDialectRelay } from "../support/dialect-relay.ts";
import { engineOptions, engineProvider, testClock } from "../support/engine-options.ts";
import { MOCK_TEXT, MOCK_TOOL, MOCK_USAGE } from "../support/mock-answers.ts";
import { type MockUpstream, startMockUpstream } from "../support/mock-upstream.ts";

const TEXT = MOCK_TEXT.join("");
const ARGUMENTS = JSON.parse(MOCK_TOOL.arguments.join(""));
const SCHEMA = { type: "object" as const, properties: { city: { type: "string" as const } }, required: ["city"] };
const CHAT_TOOL = { type: "function" as const, function: { name: MOCK_TOOL.name, parameters: SCHEMA } };
const RESPONSES_TOOL = { type: "function" as const, name: MOCK_TOOL.name, parameters: SCHEMA, strict: false };
const hello = [{ role: "user" as const, content: "hello" }];
const usage = { prompt_tokens: MOCK_USAGE.input, completion_tokens: MOCK_USAGE.output };

let mock: MockUpstream;
beforeAll(async () => {
  mock = await startMockUpstream();
});
afterAll(() => mock[Symbol.asyncDispose]());

const ENGINES: readonly [string, () => Engine][] = [
  ["a chat engine", () => openaiEngine({ ...engineOptions(`${mock.url}/v1`, { dialects: ["openai.chat"] }) })],
  ["an Anthropic engine", () => anthropicEngine(engineOptions(mock.url))],
];

describe.each(ENGINES)("real clients over %s", (_, makeEngine) => {
  let relay: DialectRelay;
  let openai: OpenAI;
  let anthropic: Anthropic;
  beforeAll(async () => {
    relay = await startDialectRelay(makeEngine(), "exact-model");
    openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "k", maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: relay.url, apiKey: "k", maxRetries: 0 });
  });
  afterAll(() => relay[Symbol.asyncDispose]());

  it("openai chat: text, calls and usage arrive, streamed and not", async () => {
    const whole = await openai.chat.completions.create({ model: "alias", messages: hello });
    expect(whole.choices[0]?.message.content).toBe(TEXT);
    expect(whole.usage).toMatchObject(usage);
    const stream = openai.chat.completions.stream({
      model: "alias",
      messages: hello,
      stream_options: { include_usage: true },
    });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: TEXT } });
    expect(streamed.usage).toMatchObject(usage);
    const called = await openai.chat.completions
      .stream({ model: "alias", messages: hello, tools: [CHAT_TOOL], tool_choice: "required" })
      .finalChatCompletion();
    expect(called.choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { tool_calls: [{ id: MOCK_TOOL.id, function: { name: MOCK_TOOL.name } }] },
    });
    const [call] = called.choices[0]?.message.tool_calls ?? [];
    expect(call?.type === "function" ? JSON.parse(call.function.arguments) : null).toEqual(ARGUMENTS);
  });

  it("openai Responses: the client's own accumulator rebuilds the whole answer from the events", async () => {
    const whole = await openai.responses.create({ model: "alias", input: "hello" });
    expect(whole).toMatchObject({ status: "completed", output_text: TEXT });
    const events: { type: string; sequence_number: number }[] = [];
    const stream = openai.responses.stream({ model: "alias", input: "hello" });
    for await (const event of stream) events.push(event);
    const final = await stream.finalResponse();
    expect(final).toMatchObject({
      id: "resp_sdk",
      status: "completed",
      output_text: TEXT,
      usage: { input_tokens: MOCK_USAGE.input, input_tokens_details: { cached_tokens: MOCK_USAGE.cached } },
    });
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_event, i) => i));
    const kinds = events.map((event) => event.type).filter((type, i, all) => type !== all[i - 1]);
    expect(kinds).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
    const called = await openai.responses
      .stream({ model: "alias", input: "hello", tools: [RESPONSES_TOOL], tool_choice: "required" })
      .finalResponse();
    expect(called.output).toMatchObject([{ type: "function_call", call_id: MOCK_TOOL.id, name: MOCK_TOOL.name }]);
    const [item] = called.output;
    expect(item?.type === "function_call" ? JSON.parse(item.arguments) : null).toEqual(ARGUMENTS);
  });

  it("openai completions: text and usage arrive, streamed and not", async () => {
    const whole = await openai.completions.create({ model: "alias", prompt: "hello" });
    expect(whole.choices[0]).toMatchObject({ text: TEXT, finish_reason: "stop" });
    const stream = await openai.completions.create({
      model: "alias",
      prompt: "hello",
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let told: unknown;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      told = chunk.usage ?? told;
    }
    expect(text).toBe(TEXT);
    expect(told).toMatchObject(usage);
  });

  it("anthropic: the client's own accumulator rebuilds the whole message from the events", async () => {
    const whole = await anthropic.messages.create({ model: "alias", max_tokens: 64, messages: hello });
    expect(whole.content).toMatchObject([{ type: "text", text: TEXT }]);
    expect(whole.usage).toMatchObject({ input_tokens: MOCK_USAGE.input - MOCK_USAGE.cached });
    const streamed = await anthropic.messages
      .stream({ model: "alias", max_tokens: 64, messages: hello })
      .finalMessage();
    expect(streamed).toMatchObject({ stop_reason: "end_turn", content: [{ type: "text", text: TEXT }] });
    expect(streamed.usage).toMatchObject({
      cache_read_input_tokens: MOCK_USAGE.cached,
      output_tokens: MOCK_USAGE.output,
    });
    const called = await anthropic.messages
      .stream({
        model: "alias",
        max_tokens: 64,
        messages: hello,
        tools: [{ name: MOCK_TOOL.name, input_schema: SCHEMA }],
        tool_choice: { type: "any" },
      })
      .finalMessage();
    expect(called).toMatchObject({
      stop_reason: "tool_use",
      content: [{ type: "tool_use", id: MOCK_TOOL.id, name: MOCK_TOOL.name, input: ARGUMENTS }],
    });
  });

  it("ai: text, usage and tool calls over Responses, its default surface", async () => {
    const provider = createOpenAI({ baseURL: `${relay.url}/v1`, apiKey: "k" });
    const streamed = streamText({ model: provider("alias"), prompt: "hello" });
    expect(await streamed.text).toBe(TEXT);
    expect(await streamed.finishReason).toBe("stop");
    expect(await streamed.usage).toMatchObject({ inputTokens: MOCK_USAGE.input, outputTokens: MOCK_USAGE.output });
    const weather = tool({
      description: "of a city",
      inputSchema: jsonSchema<{ city: string }>(SCHEMA),
      execute: async () => "sun",
    });
    const called = await generateText({
      model: provider("alias"),
      prompt: "hello",
      tools: { [MOCK_TOOL.name]: weather },
      toolChoice: "required",
    });
    expect(called.toolCalls).toMatchObject([{ toolName: MOCK_TOOL.name, input: ARGUMENTS }]);
  });
});

describe("a stream that breaks off", () => {
  it("raises in every client, so that a cut answer is never taken for a whole one", async () => {
    const own = await startMockUpstream();
    own.fault = { kind: "cut", frames: 4 };
    const engine = openaiEngine(engineOptions(`${own.url}/v1`, { dialects: ["openai.chat"] }));
    await using relay = await startDialectRelay(engine, "exact-model");
    const openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "k", maxRetries: 0 });
    const anthropic = new Anthropic({ baseURL: relay.url, apiKey: "k", maxRetries: 0 });
    await expect(openai.responses.stream({ model: "a", input: "x" }).finalResponse()).rejects.toThrow("failed");
    await expect(
      anthropic.messages.stream({ model: "a", max_tokens: 9, messages: hello }).finalMessage(),
    ).rejects.toThrow("failed");
    const completions = await openai.completions.create({ model: "a", prompt: "x", stream: true });
    await expect(
      (async () => {
        for await (const _chunk of completions);
      })(),
    ).rejects.toThrow("failed");
    await own[Symbol.asyncDispose]();
  });
});

describe("real clients over the synthetic engine", () => {
  it("get a structured answer, a tool call and embeddings in both encodings", async () => {
    const provider = engineProvider("synthetic", null, { synthetic: { tokens_per_s: 0, fail: "never" } });
    await using relay = await startDialectRelay(syntheticEngine({ provider, clock: testClock }), "synthetic-small");
    const openai = new OpenAI({ baseURL: `${relay.url}/v1`, apiKey: "k", maxRetries: 0 });
    const structured = await openai.responses.create({
      model: "alias",
      input: "x",
      text: { format: { type: "json_schema", name: "w", schema: SCHEMA, strict: true } },
    });
    expect(JSON.parse(structured.output_text)).toEqual({ city: "synthetic" });
    const called = await openai.chat.completions.create({
      model: "alias",
      messages: [{ role: "user", content: "please call tool now" }],
      tools: [CHAT_TOOL],
    });
    expect(called.choices[0]?.message.tool_calls).toMatchObject([
      { function: { name: MOCK_TOOL.name, arguments: '{"city":"synthetic"}' } },
    ]);
    const base64 = await openai.embeddings.create({ model: "alias", input: ["a cat", "the cat"], dimensions: 64 });
    const float = await openai.embeddings.create({
      model: "alias",
      input: ["a cat", "the cat"],
      dimensions: 64,
      encoding_format: "float",
    });
    expect(base64.data.map((each) => each.embedding)).toEqual(float.data.map((each) => each.embedding));
    expect(Math.hypot(...(float.data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
  });
});
