import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { readAnswer } from "../meter.ts";
import type { AnswerContext } from "../translation.ts";
import { translators } from "../translators.ts";

const context: AnswerContext = { id: "resp_1", createdS: 7, model: "alias", request: { temperature: 0.2 } };

function answer(surface: Dialect, engine: Dialect, body: JsonObject): JsonObject {
  const result = translators[surface][engine]?.answer(body, context);
  if (!result?.ok) throw new Error(JSON.stringify(result));
  return result.value;
}

const USAGE: JsonObject = {
  prompt_tokens: 20,
  completion_tokens: 8,
  total_tokens: 28,
  prompt_tokens_details: { cached_tokens: 5 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const chatAnswer = (message: JsonObject, finish_reason: string): JsonObject => ({
  id: "c",
  model: "exact",
  choices: [{ index: 0, message: { role: "assistant", content: null, ...message }, finish_reason }],
  usage: USAGE,
});
const CALL = { id: "call_1", type: "function", function: { name: "f", arguments: '{"a":1}' } };
const anthropicAnswer = (content: JsonObject[], stop_reason: string): JsonObject => ({
  id: "msg",
  type: "message",
  model: "exact",
  content,
  stop_reason,
  usage: { input_tokens: 12, cache_read_input_tokens: 5, cache_creation_input_tokens: 3, output_tokens: 8 },
});

describe("answers", () => {
  it("gives text as a completed response with the caller's settings and usage", () => {
    expect(answer("openai.responses", "openai.chat", chatAnswer({ content: "hi" }, "stop"))).toMatchObject({
      id: "resp_1",
      object: "response",
      created_at: 7,
      status: "completed",
      model: "alias",
      temperature: 0.2,
      incomplete_details: null,
      output: [{ type: "message", id: "msg_1_0", status: "completed", content: [{ type: "output_text", text: "hi" }] }],
      usage: {
        input_tokens: 20,
        input_tokens_details: { cached_tokens: 5 },
        output_tokens: 8,
        output_tokens_details: { reasoning_tokens: 3 },
        total_tokens: 28,
      },
    });
  });

  it("gives calls beside text, refusals and cut answers as Responses says them", () => {
    const called = answer(
      "openai.responses",
      "openai.chat",
      chatAnswer({ content: "x", tool_calls: [CALL] }, "tool_calls"),
    );
    expect(called.output).toMatchObject([
      { type: "message" },
      { type: "function_call", call_id: "call_1", name: "f", arguments: '{"a":1}', status: "completed" },
    ]);
    const refused = answer("openai.responses", "openai.chat", chatAnswer({ refusal: "no" }, "stop"));
    expect(refused.output).toMatchObject([{ content: [{ type: "refusal", refusal: "no" }] }]);
    const cut = answer("openai.responses", "openai.chat", chatAnswer({ content: "x" }, "length"));
    expect(cut).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
  });

  it("gives chat as an Anthropic message, cached tokens beside the input", () => {
    const made = answer(
      "anthropic.messages",
      "openai.chat",
      chatAnswer({ content: "x", tool_calls: [CALL] }, "tool_calls"),
    );
    expect(made).toEqual({
      id: "resp_1",
      type: "message",
      role: "assistant",
      model: "alias",
      content: [
        { type: "text", text: "x" },
        { type: "tool_use", id: "call_1", name: "f", input: { a: 1 } },
      ],
      stop_reason: "tool_use",
      stop_sequence: null,
      usage: { input_tokens: 15, cache_read_input_tokens: 5, cache_creation_input_tokens: 0, output_tokens: 8 },
    });
  });

  it.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["tool_use", "tool_calls"],
    ["refusal", "content_filter"],
    ["model_context_window_exceeded", "length"],
  ])("says Anthropic's %s as %s, so that a cut answer is never taken for a whole one", (stop, finish) => {
    const made = answer("openai.chat", "anthropic.messages", anthropicAnswer([{ type: "text", text: "x" }], stop));
    expect(made.choices).toMatchObject([{ finish_reason: finish }]);
  });

  it("gives an Anthropic message as chat, thinking left out, cache counted into the prompt", () => {
    const content = [
      { type: "thinking", thinking: "…" },
      { type: "text", text: "x" },
      { type: "tool_use", id: "toolu_1", name: "f", input: {} },
    ];
    expect(answer("openai.chat", "anthropic.messages", anthropicAnswer(content, "tool_use"))).toMatchObject({
      object: "chat.completion",
      choices: [
        { message: { content: "x", tool_calls: [{ id: "toolu_1", function: { name: "f", arguments: "{}" } }] } },
      ],
      usage: { prompt_tokens: 20, completion_tokens: 8, total_tokens: 28, prompt_tokens_details: { cached_tokens: 5 } },
    });
  });

  it("gives chat as a completion, and an Anthropic message as a response", () => {
    expect(answer("openai.completions", "openai.chat", chatAnswer({ content: "x" }, "length"))).toMatchObject({
      object: "text_completion",
      choices: [{ text: "x", finish_reason: "length" }],
      usage: USAGE,
    });
    const made = answer(
      "openai.responses",
      "anthropic.messages",
      anthropicAnswer([{ type: "text", text: "x" }], "end_turn"),
    );
    expect(made).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "x" }] }],
      usage: { input_tokens: 20 },
    });
  });

  it("keeps the synthetic mark on every surface, so that nobody takes it for a model's answer", () => {
    const body = { ...chatAnswer({ content: "x" }, "stop"), synthetic: true };
    for (const surface of ["openai.responses", "openai.completions", "anthropic.messages"] as const)
      expect(answer(surface, "openai.chat", body).synthetic).toBe(true);
  });

  it("refuses an answer without a choice or with broken arguments, so that no empty success is made up", () => {
    const empty = translators["anthropic.messages"]["openai.chat"]?.answer({ choices: [] }, context);
    expect(empty).toMatchObject({ ok: false, error: { param: "choices[0]" } });
    const broken = chatAnswer({ tool_calls: [{ ...CALL, function: { name: "f", arguments: "{" } }] }, "tool_calls");
    expect(translators["anthropic.messages"]["openai.chat"]?.answer(broken, context)).toMatchObject({ ok: false });
  });

  it("meters each dialect in the same rows, cached tokens apart from input, so that every surface costs the same", () => {
    const rows = [
      { meter: "tokens_in", quantity: 15 },
      { meter: "tokens_cached", quantity: 5 },
      { meter: "tokens_out", quantity: 8 },
    ];
    const body = chatAnswer({ content: "x" }, "stop");
    expect(readAnswer("openai.chat", body)).toEqual({
      usage: { rows, model: "exact" },
      model: "exact",
      finish: "stop",
    });
    const response = answer("openai.responses", "openai.chat", body);
    expect(readAnswer("openai.responses", response)).toMatchObject({ usage: { rows }, finish: "stop" });
    const message = anthropicAnswer([], "end_turn");
    expect(readAnswer("anthropic.messages", message)).toMatchObject({ usage: { rows }, finish: "stop" });
  });

  it.each([[{}], [{ prompt_tokens: -1 }], [{ prompt_tokens: 1.5, completion_tokens: 1 }], [{ prompt_tokens: "9" }]])(
    "takes usage %j as not told, so that the bound is charged and not a guess",
    (usage) => {
      expect(readAnswer("openai.chat", { usage }).usage).toBeNull();
    },
  );
});
