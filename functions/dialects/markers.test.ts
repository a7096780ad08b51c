import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { byteIncludes, bytesOf, hasMember, member, stringMembers } from "./bytes.ts";
import { frameKind } from "./markers.ts";
import { SseFrame } from "./sse-frame.ts";

const frame = (data: string): SseFrame => new SseFrame(bytesOf(`data: ${data}\n\n`));
const chunk = (members: object): string => JSON.stringify({ id: "c", choices: [], ...members });

describe("frameKind", () => {
  it.each<[Dialect, string, string]>([
    ["openai.chat", chunk({ choices: [{ delta: { content: "x" }, finish_reason: null }], usage: null }), "opaque"],
    ["openai.chat", chunk({ choices: [{ delta: { content: "usage" }, finish_reason: null }] }), "opaque"],
    ["openai.chat", chunk({ usage: { prompt_tokens: 1 } }), "notable"],
    ["openai.chat", '{"usage" : {"prompt_tokens":1}}', "notable"],
    ["openai.chat", chunk({ choices: [{ delta: {}, finish_reason: "stop" }] }), "notable"],
    ["openai.chat", '{"error":{"message":"x"}}', "notable"],
    ["openai.chat", "[DONE]", "terminal"],
    ["openai.chat", "[DONE] ", "terminal"],
    ["openai.responses", '{"type":"response.created","response":{"usage":null,"error":null}}', "opaque"],
    ["openai.responses", '{"type":"response.output_text.delta","delta":"response.completed"}', "opaque"],
    ["openai.responses", '{"type":"response.completed","response":{"usage":{}}}', "terminal"],
    ["openai.responses", '{"type": "response.incomplete","response":{}}', "terminal"],
    ["openai.responses", '{"type":"response.failed","response":{}}', "terminal"],
    ["openai.responses", '{"type":"error","message":"x"}', "notable"],
    ["anthropic.messages", '{"type":"ping"}', "opaque"],
    ["anthropic.messages", '{"type":"message_delta","delta":{},"usage":{"output_tokens":1}}', "notable"],
    ["anthropic.messages", '{"type":"error","error":{"type":"overloaded_error"}}', "notable"],
    ["anthropic.messages", '{"type":"message_stop"}', "terminal"],
  ])("%s %s is %s", (dialect, data, kind) => {
    expect(frameKind(dialect, frame(data))).toBe(kind);
  });

  it("takes keep-alives for comments, so that they are never parsed as JSON", () => {
    expect(frameKind("openai.chat", new SseFrame(bytesOf(": ping\n\n")))).toBe("comment");
  });

  it("is not fooled by what a model writes, so that content never ends or bills a stream", () => {
    const words = fc.constantFrom(
      '"usage":{',
      '"finish_reason":"stop"',
      "[DONE]",
      '"type":"message_stop"',
      "\\",
      '"',
      "x",
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 8 }), (parts) => {
        const content = parts.join("");
        expect(frameKind("openai.chat", frame(chunk({ choices: [{ delta: { content }, finish_reason: null }] })))).toBe(
          "opaque",
        );
        const delta = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: content } };
        expect(frameKind("anthropic.messages", frame(JSON.stringify(delta)))).toBe("opaque");
      }),
    );
  });
});

describe("byte search", () => {
  it("agrees with text search, so that no marker is missed", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", '"'), maxLength: 40 });
    fc.assert(
      fc.property(
        text,
        fc.string({ unit: fc.constantFrom("a", "b", '"'), minLength: 1, maxLength: 4 }),
        (hay, needle) => {
          expect(byteIncludes(bytesOf(hay), bytesOf(needle))).toBe(hay.includes(needle));
        },
      ),
    );
  });

  it("finds members by name with another value than null, at any depth", () => {
    const name = member("m");
    expect(hasMember(bytesOf('{"m":null,"x":{"m" : 1}}'), name)).toBe(true);
    expect(hasMember(bytesOf('{"m":null,"x":"m","y":"\\"m\\":1"}'), name)).toBe(false);
  });

  it("reads string members with their escapes", () => {
    expect(stringMembers(bytesOf('{"m":"a\\"b","x":{"m":{}},"y":[{"m":"\\u00e9"}]}'), member("m"), 8)).toEqual([
      'a"b',
      "é",
    ]);
  });
});
