import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countImages, inputTokensBound, utf8Bytes } from "./input-bound.ts";
import { outputCap, rewriteRequest } from "./rewrite.ts";

describe("rewriteRequest", () => {
  it("asks for usage on every stream, keeping the caller's other stream options", () => {
    const body = {
      model: "alias",
      messages: [],
      stream_options: { include_usage: false, other: 1 },
      unknown_new_member: 1,
    };
    expect(rewriteRequest("openai.chat", body, { model: "exact", stream: true, outputTokensMax: null })).toEqual({
      model: "exact",
      messages: [],
      stream: true,
      stream_options: { include_usage: true, other: 1 },
      unknown_new_member: 1,
    });
    expect(body.model).toBe("alias");
  });

  it("drops stream options without a stream, because upstreams refuse them", () => {
    const made = rewriteRequest(
      "openai.chat",
      { stream_options: {} },
      { model: "m", stream: false, outputTokensMax: null },
    );
    expect(made).toEqual({ model: "m", stream: false });
  });

  it.each([
    ["openai.chat", {}, { max_completion_tokens: 10 }],
    ["openai.chat", { max_tokens: 50 }, { max_tokens: 10 }],
    ["openai.chat", { max_completion_tokens: 5, max_tokens: 50 }, { max_completion_tokens: 5, max_tokens: 10 }],
    ["openai.completions", { max_tokens: 3 }, { max_tokens: 3 }],
    ["openai.responses", { max_output_tokens: 99 }, { max_output_tokens: 10 }],
    ["anthropic.messages", {}, { max_tokens: 10 }],
    ["openai.embeddings", {}, {}],
  ] as const)("%s caps %j to %j, so that no answer outgrows its hold", (dialect, body, expected) => {
    const made = rewriteRequest(dialect, body, { model: "m", stream: false, outputTokensMax: 10 });
    expect(made).toMatchObject(expected);
    expect(outputCap(dialect, made)).toBe(
      Object.keys(expected).length === 0 ? null : Math.min(...Object.values(expected)),
    );
  });

  it("never lets an engine store what the cell must not keep", () => {
    const body = { input: "x", store: true, previous_response_id: "r", conversation: "c", background: true };
    expect(rewriteRequest("openai.responses", body, { model: "m", stream: false, outputTokensMax: null })).toEqual({
      model: "m",
      input: "x",
      store: false,
      stream: false,
    });
    const chat = rewriteRequest("openai.chat", { store: true }, { model: "m", stream: false, outputTokensMax: null });
    expect(chat.store).toBe(false);
  });
});

describe("inputTokensBound", () => {
  it("counts UTF-8 bytes exactly without encoding", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 50 }), (text) => {
        expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
      }),
    );
  });

  it("is at least the bytes of all text, so that no input can cost more than its hold", () => {
    const text = "größe 語".repeat(100);
    const bytes = utf8Bytes(text);
    const tools = [{ type: "function", function: { name: "f", description: text, parameters: {} } }];
    const said = { role: "user", content: [{ type: "text", text }] };
    expect(inputTokensBound("openai.chat", { messages: [said], tools }, 0)).toBeGreaterThanOrEqual(2 * bytes);
    expect(inputTokensBound("openai.responses", { instructions: text, input: text }, 0)).toBeGreaterThanOrEqual(
      2 * bytes,
    );
    expect(inputTokensBound("anthropic.messages", { system: text, messages: [said] }, 0)).toBeGreaterThanOrEqual(
      2 * bytes,
    );
    expect(inputTokensBound("openai.completions", { prompt: [text] }, 0)).toBeGreaterThanOrEqual(bytes);
    expect(inputTokensBound("openai.embeddings", { input: [[1, 2, 3], [4]] }, 0)).toBeGreaterThanOrEqual(4);
  });

  it("charges an image by the model's table, never by the bytes of its base64", () => {
    const url = `data:image/png;base64,${"A".repeat(1_000_000)}`;
    const chat = { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] };
    const responses = { input: [{ role: "user", content: [{ type: "input_image", image_url: url }] }] };
    const block = { type: "image", source: { type: "base64", media_type: "image/png", data: url } };
    const messages = { messages: [{ role: "user", content: [block, { type: "tool_result", content: [block] }] }] };
    for (const [dialect, body, images] of [
      ["openai.chat", chat, 1],
      ["openai.responses", responses, 1],
      ["anthropic.messages", messages, 2],
    ] as const) {
      const bound = inputTokensBound(dialect, body, 800);
      expect(bound).toBeGreaterThanOrEqual(800 * images);
      expect(bound).toBeLessThan(800 * images + 400);
      expect(countImages(dialect, body)).toBe(images);
    }
  });
});
