import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { objectOf, parseObject } from "../json-read.ts";
import { frameKind } from "../markers.ts";
import { SseSplitter } from "../sse.ts";
import { type AnswerContext, StreamProtocolError, type StreamTranslator, type SurfaceFrame } from "../translation.ts";
import { translators } from "../translators.ts";

function open(surface: Dialect, engine: Dialect, request: JsonObject = {}): StreamTranslator {
  const context: AnswerContext = { id: "resp_1", createdS: 7, model: "alias", request, extra: { extra: true } };
  const translation = translators[surface][engine];
  if (translation === undefined) throw new Error("no such translation");
  return translation.stream(context);
}
const parsed = (frames: SurfaceFrame[]): JsonObject[] =>
  frames.map((frame) => parseObject(frame.data)).filter((frame) => frame !== null);
const types = (frames: SurfaceFrame[]): unknown[] => parsed(frames).map((frame) => frame.type);

const delta = (value: JsonObject, finish: string | null = null): JsonObject => ({
  choices: [{ index: 0, delta: value, finish_reason: finish }],
});
const call = (index: number, members: JsonObject): JsonObject => delta({ tool_calls: [{ index, ...members }] });
const USAGE: JsonObject = { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 2 } };
const usage: JsonObject = { choices: [], usage: USAGE };

describe("chat → Responses", () => {
  it("gives text, then two parallel calls, each opened and closed once, and the whole answer at the end", () => {
    const translator = open("openai.responses", "openai.chat");
    const frames = [
      ...translator.push(delta({ role: "assistant", content: "" })),
      ...translator.push(delta({ content: "hi" })),
      ...translator.push(call(0, { id: "a", function: { name: "f", arguments: "" } })),
      ...translator.push(call(1, { id: "b", function: { name: "g", arguments: "{" } })),
      ...translator.push(call(0, { function: { arguments: "{}" } })),
      ...translator.push(call(1, { function: { arguments: "}" } })),
      ...translator.push(delta({}, "tool_calls")),
      ...translator.push(usage),
    ];
    expect(types(frames)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.delta",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.output_item.added",
      "response.output_item.added",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.delta",
      "response.function_call_arguments.done",
      "response.output_item.done",
      "response.function_call_arguments.done",
      "response.output_item.done",
    ]);
    const [last] = parsed(translator.end());
    expect(last).toMatchObject({
      type: "response.completed",
      sequence_number: frames.length,
      response: {
        extra: true,
        status: "completed",
        output: [
          { type: "message", content: [{ text: "hi" }] },
          { call_id: "a", name: "f", arguments: "{}" },
          { call_id: "b", name: "g", arguments: "{}" },
        ],
        usage: { input_tokens: 9, input_tokens_details: { cached_tokens: 2 }, output_tokens: 4, total_tokens: 13 },
      },
    });
  });

  it("ends a cut answer as incomplete, with its reason, so that it is not taken for a whole one", () => {
    const translator = open("openai.responses", "openai.chat");
    translator.push(delta({ content: "hi" }, "length"));
    expect(parsed(translator.end())).toMatchObject([
      {
        type: "response.incomplete",
        response: { incomplete_details: { reason: "max_output_tokens" }, output: [{ status: "incomplete" }] },
      },
    ]);
  });

  it("streams refusals as refusals, with their own events", () => {
    const translator = open("openai.responses", "openai.chat");
    const frames = [...translator.push(delta({ refusal: "no" })), ...translator.push(delta({}, "stop"))];
    expect(types(frames)).toContain("response.refusal.delta");
    expect(types(frames)).toContain("response.refusal.done");
  });

  it("carries the synthetic mark in the last event", () => {
    const translator = open("openai.responses", "openai.chat");
    translator.push({ ...delta({ content: "x" }, "stop"), synthetic: true });
    expect(objectOf(parsed(translator.end())[0]?.response)?.synthetic).toBe(true);
  });
});

describe("chat → Messages", () => {
  it("gives strictly nested blocks and the whole usage at the end", () => {
    const translator = open("anthropic.messages", "openai.chat");
    const frames = [
      ...translator.push(delta({ content: "hi" })),
      ...translator.push(call(0, { id: "a", function: { name: "f", arguments: '{"x"' } })),
      ...translator.push(call(0, { function: { arguments: ":1}" } })),
      ...translator.push(delta({}, "tool_calls")),
      ...translator.push(usage),
    ];
    expect(parsed(frames).map((frame) => [frame.type, frame.index ?? null])).toEqual([
      ["message_start", null],
      ["content_block_start", 0],
      ["content_block_delta", 0],
      ["content_block_stop", 0],
      ["content_block_start", 1],
      ["content_block_delta", 1],
      ["content_block_delta", 1],
      ["content_block_stop", 1],
    ]);
    expect(parsed(translator.end())).toEqual([
      {
        type: "message_delta",
        delta: { stop_reason: "tool_use", stop_sequence: null },
        usage: { input_tokens: 7, cache_read_input_tokens: 2, cache_creation_input_tokens: 0, output_tokens: 4 },
      },
      { type: "message_stop" },
    ]);
  });

  it("refuses arguments of a call that had ended, so that no call is run with half its arguments", () => {
    const translator = open("anthropic.messages", "openai.chat");
    translator.push(call(0, { id: "a", function: { name: "f", arguments: "{" } }));
    translator.push(call(1, { id: "b", function: { name: "g", arguments: "{" } }));
    expect(() => translator.push(call(0, { function: { arguments: "}" } }))).toThrow(StreamProtocolError);
  });
});

describe("Messages → chat", () => {
  const start: JsonObject = {
    type: "message_start",
    message: { model: "m", usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 } },
  };
  const stop: JsonObject = {
    type: "message_delta",
    delta: { stop_reason: "tool_use" },
    usage: { output_tokens: 6 },
  };

  it("gives a call without arguments as {}, so that clients that parse the joined text do not fail", () => {
    const translator = open("openai.chat", "anthropic.messages");
    const block = { type: "tool_use", id: "t", name: "f", input: {} };
    const frames = [
      ...translator.push(start),
      ...translator.push({ type: "ping" }),
      ...translator.push({ type: "content_block_start", index: 1, content_block: block }),
      ...translator.push({
        type: "content_block_delta",
        index: 1,
        delta: { type: "input_json_delta", partial_json: "" },
      }),
      ...translator.push({ type: "content_block_stop", index: 1 }),
      ...translator.push(stop),
    ];
    expect(parsed(frames).map((frame) => frame.choices)).toMatchObject([
      [{ delta: { role: "assistant" }, finish_reason: null }],
      [{ delta: { tool_calls: [{ index: 0, id: "t", function: { name: "f", arguments: "" } }] } }],
      [{ delta: { tool_calls: [{ index: 0, function: { arguments: "{}" } }] } }],
      [{ delta: {}, finish_reason: "tool_calls" }],
    ]);
  });

  it("sends a usage chunk only when the client asked, then [DONE]", () => {
    for (const [request, expected] of [
      [{}, ["[DONE]"]],
      [{ stream_options: { include_usage: true } }, ['"prompt_tokens":8', "[DONE]"]],
    ] as const) {
      const translator = open("openai.chat", "anthropic.messages", request);
      translator.push(start);
      translator.push(stop);
      const frames = translator.end();
      expect(frames).toHaveLength(expected.length);
      for (const [i, part] of expected.entries()) expect(frames[i]?.data).toContain(part);
    }
  });

  it("tolerates events of later versions but not blocks it cannot say", () => {
    const translator = open("openai.chat", "anthropic.messages");
    expect(translator.push({ type: "brand_new_event" })).toEqual([]);
    const block = { type: "server_tool_use", id: "t" };
    expect(() => translator.push({ type: "content_block_start", index: 0, content_block: block })).toThrow(
      StreamProtocolError,
    );
  });
});

describe("every stream", () => {
  const pairs: [Dialect, Dialect][] = [
    ["openai.responses", "openai.chat"],
    ["openai.completions", "openai.chat"],
    ["anthropic.messages", "openai.chat"],
    ["openai.chat", "anthropic.messages"],
    ["openai.responses", "anthropic.messages"],
    ["openai.completions", "anthropic.messages"],
  ];
  const hi: Readonly<Record<string, JsonObject[]>> = {
    "openai.chat": [delta({ content: "hi" })],
    "anthropic.messages": [
      { type: "message_start", message: { usage: { input_tokens: 1, output_tokens: 1 } } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "hi" } },
    ],
  };
  const done: Readonly<Record<string, JsonObject>> = {
    "openai.chat": delta({}, "stop"),
    "anthropic.messages": { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
  };

  it.each(pairs)(
    "%s over %s refuses to end before a finish was told, so that truncation is never hidden",
    (surface, engine) => {
      const translator = open(surface, engine);
      for (const frame of hi[engine] ?? []) translator.push(frame);
      expect(translator.finished).toBe(false);
      expect(() => translator.end()).toThrow();
      translator.push(done[engine] ?? {});
      expect(translator.finished).toBe(true);
    },
  );

  it.each(pairs)(
    "%s over %s holds the terminal frame back for end(), where it comes last and alone",
    (surface, engine) => {
      const translator = open(surface, engine);
      const kinds = (frames: SurfaceFrame[]) => {
        const splitter = new SseSplitter();
        return frames.flatMap((frame) => splitter.push(frame.raw)).map((frame) => frameKind(surface, frame));
      };
      const before = [...(hi[engine] ?? []), done[engine] ?? {}].flatMap((frame) => translator.push(frame));
      expect(kinds(before)).not.toContain("terminal");
      const closing = kinds(translator.end());
      expect(closing.filter((kind) => kind === "terminal")).toHaveLength(1);
      expect(closing.at(-1)).toBe("terminal");
    },
  );

  it.each(pairs)(
    "%s over %s fails with a frame that carries an error object, which every SDK raises on",
    (surface, engine) => {
      const translator = open(surface, engine);
      const frames = translator.fail({ message: "cut", type: "api_error", code: "upstream_failed", param: null });
      expect(parsed(frames)).toMatchObject([{ error: { message: "cut", type: "api_error", code: "upstream_failed" } }]);
    },
  );
});
