import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JsonObject, JsonValue } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Dialect } from "../../shared/contracts/ports/engine.ts";
import { CANARIES } from "./canaries.fixture.ts";
import { redactBody } from "./redact-body.ts";

const MAIL = "alice@example.com";
const CARD = "4111 1111 1111 1111";

/** One body per dialect with a text in every place that a model reads. */
const bodies = (text: string): Record<Dialect, JsonObject> => ({
  "openai.chat": {
    model: "m",
    user: text,
    metadata: { ticket: text },
    messages: [
      { role: "system", content: text },
      { role: "user", name: text, content: [{ type: "text", text }] },
      {
        role: "assistant",
        content: null,
        refusal: text,
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "send", arguments: JSON.stringify({ text }) } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: text },
    ],
    tools: [
      {
        type: "function",
        function: {
          name: "send",
          description: text,
          parameters: { type: "object", properties: { to: { enum: [text] } } },
        },
      },
    ],
    response_format: { type: "json_schema", json_schema: { name: "x", schema: { description: text } } },
    prediction: { type: "content", content: text },
    stop: [text],
    max_completion_tokens: 5,
    seed: 4155550199,
  },
  "openai.responses": {
    model: "m",
    instructions: text,
    input: [
      { role: "user", content: [{ type: "input_text", text }] },
      { type: "message", role: "assistant", content: [{ type: "output_text", text, annotations: [] }] },
      { type: "function_call", call_id: "c", name: "send", arguments: JSON.stringify({ list: [{ text }] }) },
      { type: "function_call_output", call_id: "c", output: text },
      { type: "custom_tool_call", call_id: "d", name: "run", input: text },
      { type: "reasoning", summary: [{ type: "summary_text", text }], encrypted_content: null },
    ],
    tools: [{ type: "function", name: "send", description: text }],
    prompt: { id: "p", variables: { who: text } },
    max_output_tokens: 7,
  },
  "openai.completions": { model: "m", prompt: [text, text], suffix: text, max_tokens: 3 },
  "openai.embeddings": { model: "m", input: text, dimensions: 256 },
  "oip.infer": { model: "m", inputs: [{ name: "x", datatype: "BYTES", shape: [1, 2], data: [[text, text]] }] },
  "anthropic.messages": {
    model: "m",
    max_tokens: 9,
    system: [{ type: "text", text, cache_control: { type: "ephemeral" } }],
    messages: [
      { role: "user", content: text },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: text, signature: "c2ln" },
          { type: "tool_use", id: "t", name: "send", input: { to: text, deep: [{ to: text }], [text]: 1 } },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [{ type: "text", text }] }] },
      { role: "user", content: [{ type: "document", source: { type: "text", media_type: "text/plain", data: text } }] },
    ],
    tools: [{ name: "send", description: text, input_schema: { type: "object" } }],
    metadata: { user_id: text },
  },
});
const dialects = Object.keys(bodies("")) as Dialect[]; // safe because: the record's keys are the dialects

function redacted(dialect: Dialect, body: JsonObject) {
  const made = redactBody(dialect, body);
  if (!made.ok) throw new Error(`${made.error.reason} at ${made.error.param}`);
  return made.value;
}

/** Names, lengths and kinds, without the texts. */
function shape(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.values(value).map(shape);
}

describe.each(dialects)("redactBody of %s", (dialect) => {
  it("leaves none of the values in any place that the model reads, and the shape as it was", () => {
    const canary = fc.constantFrom(...Object.values(CANARIES).flat());
    fc.assert(
      fc.property(canary, fc.string({ maxLength: 20 }), (value, around) => {
        const body = bodies(`${around} ${value} ${around}`)[dialect];
        const before = structuredClone(body);
        const made = redacted(dialect, body);
        expect(JSON.stringify(made.body)).not.toContain(JSON.stringify(value).slice(1, -1));
        expect(shape(made.body)).toEqual(shape(body));
        expect(body).toEqual(before);
        expect(redacted(dialect, made.body)).toEqual({ body: made.body, found: {} });
      }),
      { numRuns: 60 },
    );
  });

  it("changes nothing in a body without findings, so that the engine gets what was asked", () => {
    const body = bodies("What is a jurisdiction?")[dialect];
    expect(redacted(dialect, body)).toEqual({ body, found: {} });
  });

  it("leaves numbers that steer the engine, so that limits and seeds still hold", () => {
    const made = redacted(dialect, bodies(MAIL)[dialect]).body;
    for (const [name, value] of Object.entries(bodies("")[dialect]))
      if (typeof value === "number") expect(made[name]).toBe(value);
  });
});

describe("redactBody", () => {
  it("keeps tool arguments valid JSON, so that the engine can read the call", () => {
    const args = { mail: MAIL, phone: 4_155_550_123, note: 'say "hi"\n', huge: 2 ** 60 };
    const body = {
      messages: [
        {
          role: "assistant",
          tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: JSON.stringify(args) } }],
        },
      ],
    };
    const { messages } = redacted("openai.chat", body).body as typeof body; // safe because: the shape stays
    expect(JSON.parse(messages[0]?.tool_calls[0]?.function.arguments ?? "")).toEqual({
      mail: "[email-1]",
      phone: "[phone-1]",
      note: 'say "hi"\n',
      huge: "[number-1]",
    });
  });

  it("reads through JSON escapes in tool arguments, which would hide a value from a search of their text", () => {
    const body = {
      input: [{ type: "function_call", call_id: "c", name: "f", arguments: '{"to":"alice\\u0040example.com"}' }],
    };
    expect(JSON.stringify(redacted("openai.responses", body).body)).toContain("[email-1]");
  });

  it("finds a secret by the name of its member, in tool inputs and in a tool's own access", () => {
    const made = redacted("openai.responses", {
      input: [{ type: "function_call", call_id: "c", name: "f", arguments: '{"user":"x","password":"swordfish"}' }],
      tools: [{ type: "mcp", server_label: "s", server_url: "https://mcp.example.com", authorization: "swordfish-2" }],
    });
    expect(JSON.stringify(made.body)).not.toContain("swordfish");
    expect(made.found).toEqual({ secret: 2 });
  });

  it("gives one value the same placeholder in every text, so that call and result still belong together", () => {
    const body = {
      messages: [
        { role: "user", content: `${MAIL}, ${CARD}` },
        { role: "user", content: `to ${MAIL}` },
      ],
    };
    expect(redacted("openai.chat", body)).toEqual({
      body: {
        messages: [
          { role: "user", content: "[email-1], [card-1]" },
          { role: "user", content: "to [email-1]" },
        ],
      },
      found: { email: 2, card: 1 },
    });
  });

  const part = (value: JsonValue): JsonObject => ({ messages: [{ role: "user", content: [value] }] });
  it.each<[string, Dialect, JsonObject]>([
    ["an image", "openai.chat", part({ type: "image_url", image_url: { url: "https://example.com/a.png" } })],
    ["audio", "openai.chat", part({ type: "input_audio", input_audio: { data: "AA==", format: "wav" } })],
    ["a file", "openai.chat", part({ type: "file", file: { file_id: "file-1" } })],
    ["a part of a kind that is not known", "openai.chat", part({ type: "hologram", text: "x" })],
    ["earlier audio", "openai.chat", { messages: [{ role: "assistant", content: null, audio: { id: "audio_1" } }] }],
    [
      "an input image",
      "openai.responses",
      { input: [{ role: "user", content: [{ type: "input_image", file_id: "f" }] }] },
    ],
    [
      "an input file",
      "openai.responses",
      { input: [{ role: "user", content: [{ type: "input_file", file_data: "x" }] }] },
    ],
    ["sealed reasoning", "openai.responses", { input: [{ type: "reasoning", summary: [], encrypted_content: "x" }] }],
    ["a reference to state elsewhere", "openai.responses", { input: [{ type: "item_reference", id: "msg_1" }] }],
    [
      "an image in a tool's result",
      "openai.responses",
      { input: [{ type: "function_call_output", call_id: "c", output: [{ type: "input_image" }] }] },
    ],
    [
      "an image in a prompt's variables",
      "openai.responses",
      { input: "x", prompt: { id: "p", variables: { a: { type: "input_image" } } } },
    ],
    ["token ids", "openai.completions", { prompt: [1, 2, 3] }],
    ["lists of token ids", "openai.embeddings", { input: [[1, 2], [3]] }],
    ["numbers of a tensor", "oip.infer", { inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1.5] }] }],
    ["bytes of a tensor", "oip.infer", { inputs: [{ name: "x", shape: [1], data_base64: "AAAA" }] }],
    ["an image block", "anthropic.messages", part({ type: "image", source: { type: "base64", data: "x" } })],
    ["a PDF", "anthropic.messages", part({ type: "document", source: { type: "base64", data: "x" } })],
    [
      "a document elsewhere",
      "anthropic.messages",
      part({ type: "document", source: { type: "url", url: "https://example.com" } }),
    ],
    [
      "an image in a tool result",
      "anthropic.messages",
      part({ type: "tool_result", tool_use_id: "t", content: [{ type: "image" }] }),
    ],
    ["sealed thinking", "anthropic.messages", part({ type: "redacted_thinking", data: "x" })],
  ])("refuses %s, which nobody can look into", (_name, dialect, body) => {
    expect(redactBody(dialect, body)).toMatchObject({ ok: false, error: { reason: "redaction_impossible" } });
  });

  it("says where, so that the caller can take it out", () => {
    const body = {
      messages: [
        { role: "user", content: "x" },
        { role: "user", content: [{ type: "image_url" }] },
      ],
    };
    expect(redactBody("openai.chat", body)).toEqual({
      ok: false,
      error: { reason: "redaction_impossible", param: "messages[1].content[0].type" },
    });
  });

  it("refuses two members that would become one, more text than is searched and JSON too deep to walk", () => {
    const input = (value: JsonObject) => part({ type: "tool_use", id: "t", name: "f", input: value });
    const deep = `${"[".repeat(500)}1${"]".repeat(500)}`;
    for (const body of [
      input({ [MAIL]: 1, "[email-1]": 2 }),
      part({ type: "text", text: "x".repeat(LIMITS.redactionCharsMax + 1) }),
      part({ type: "text", text: deep }),
    ])
      expect(redactBody("anthropic.messages", body).ok).toBe(false);
  });
});
