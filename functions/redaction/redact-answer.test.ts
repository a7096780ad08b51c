import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { AnswerRedactor } from "./redact-answer.ts";
import { Redactor } from "./redact-text.ts";
import { selectDetectors } from "./select-detectors.ts";
import { Unreadable } from "./walk-json.ts";

const MAIL = "alice@example.com";
const text = `Write to ${MAIL}, please.`;
const args = JSON.stringify({ to: MAIL, card: 4111111111111111, password: "x", n: 10 });
const ANSWERS: readonly (readonly [string, JsonObject])[] = [
  [
    "a chat",
    {
      id: "chatcmpl-1",
      model: "m",
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: text,
            refusal: text,
            reasoning_content: text,
            tool_calls: [{ id: "c", type: "function", function: { name: "send", arguments: args } }],
            annotations: [{ type: "url_citation", url_citation: { url: "https://example.com", title: MAIL } }],
          },
          logprobs: { content: [{ token: MAIL, bytes: [97] }] },
          finish_reason: "stop",
        },
      ],
      usage: { total_tokens: 3 },
    },
  ],
  ["a completion", { choices: [{ index: 0, text, logprobs: { tokens: [MAIL] }, finish_reason: "stop" }] }],
  [
    "a response",
    {
      id: "resp_1",
      instructions: text,
      metadata: { owner: MAIL },
      output: [
        { id: "r", type: "reasoning", summary: [{ type: "summary_text", text }], encrypted_content: "Z0FB" },
        { id: "m", type: "message", content: [{ type: "output_text", text, logprobs: [{ token: MAIL }] }] },
        { id: "f", type: "function_call", call_id: "c", name: "send", arguments: args },
        { id: "t", type: "custom_tool_call", call_id: "c", name: "run", input: text },
        { id: "i", type: "image_generation_call", result: "aGlkZGVu" },
      ],
    },
  ],
  [
    "a message",
    {
      id: "msg_1",
      content: [
        { type: "thinking", thinking: text, signature: "c2ln" },
        { type: "text", text },
        { type: "tool_use", id: "t", name: "send", input: { to: MAIL, deep: [{ card: 4111111111111111 }] } },
      ],
    },
  ],
];

describe("a whole answer", () => {
  it.each(ANSWERS)(
    "that is %s holds no value anywhere, so that no member is a way around the detectors",
    (_, answer) => {
      const before = structuredClone(answer);
      const made = JSON.stringify(new AnswerRedactor(new Redactor()).object(answer));
      expect(made).not.toMatch(/alice|4111111111111111|aGlkZGVu/);
      expect(made).toContain("[email-1]");
      expect(answer).toEqual(before);
      expect(JSON.stringify(new AnswerRedactor(new Redactor()).object(JSON.parse(made)))).toBe(made);
    },
  );

  it("keeps a tool's arguments JSON, so that a client can still read them", () => {
    const redactor = new AnswerRedactor(new Redactor());
    expect(JSON.parse(redactor.arguments(args))).toEqual({
      to: "[email-1]",
      card: "[card-1]",
      password: "[secret-1]",
      n: 10,
    });
  });

  it("keeps embeddings, ids and usage as they are, so that clients go on working", () => {
    const answer: JsonObject = {
      object: "list",
      data: [{ object: "embedding", index: 0, embedding: "AAAAeyJhbGciOiJIUzI1NiJ9" }],
      model: "m",
      usage: { prompt_tokens: 4155550123 },
    };
    expect(new AnswerRedactor(new Redactor()).object(answer)).toEqual(answer);
  });

  it("loses only what the chosen detectors find", () => {
    const selected = selectDetectors(["card"]);
    const redactor = new AnswerRedactor(new Redactor(selected.ok ? selected.value : []));
    expect(redactor.object({ text: `${MAIL} 4111 1111 1111 1111`, arguments: args })).toEqual({
      text: `${MAIL} [card-1]`,
      arguments: JSON.stringify({ to: MAIL, card: "[card-2]", password: "x", n: 10 }),
    });
  });

  it("is refused when it is more than is searched or deeper than is walked", () => {
    const long = { text: "x".repeat(LIMITS.redactionCharsMax + 1) };
    const deep = JSON.parse(`${'{"a":'.repeat(200)}1${"}".repeat(200)}`);
    for (const answer of [long, deep])
      expect(() => new AnswerRedactor(new Redactor()).object(answer)).toThrow(Unreadable);
  });
});
