import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import { CANARIES } from "../canaries.fixture.ts";
import { AnswerRedactor } from "../redact-answer.ts";
import { Redactor } from "../redact-text.ts";
import { redactWhole } from "../text-stream.ts";
import { Unreadable } from "../walk-json.ts";
import { frameRedactor } from "./frame-redactor.ts";

const canaries = Object.values(CANARIES).flat();
const word = fc.constantFrom("call", "or write", "für", "👍", "(see", "it),", "次の");
const planted = fc
  .array(
    fc.oneof(
      word.map((text) => [text, null] as const),
      fc.constantFrom(...canaries).map((c) => [c, c] as const),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((parts) => ({
    text: parts.map(([text]) => ` ${text} `).join(""),
    secrets: parts.map(([, secret]) => secret).filter((secret) => secret !== null),
  }));
const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 9 });

function cut(text: string, of: readonly number[]): string[] {
  const parts: string[] = [];
  for (let at = 0; at < text.length; ) {
    const size = of[parts.length % of.length] ?? 1;
    parts.push(text.slice(at, at + size));
    at += size;
  }
  return parts;
}

interface Case {
  /** A stream of the text and of a tool call with these arguments, in pieces. */
  frames(text: string[], args: string[]): JsonObject[];
  /** Texts as a client joins them. */
  read(frames: readonly JsonObject[]): { text: string; args: string };
}
const chunk = (choice: JsonObject): JsonObject => ({
  id: "c",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [choice],
});
const join = (parts: (JsonValue | undefined)[]): string => parts.filter((part) => typeof part === "string").join("");
const at = (value: JsonValue | undefined, ...path: (string | number)[]): JsonValue | undefined =>
  path.reduce<JsonValue | undefined>(
    (found, name) =>
      Array.isArray(found) && typeof name === "number" ? found[name] : isJsonObject(found) ? found[name] : undefined,
    value,
  );
const delta = (frame: JsonObject, ...path: (string | number)[]) => at(frame, "choices", 0, "delta", ...path);

const CASES: Partial<Record<Dialect, Case>> = {
  "openai.chat": {
    frames: (text, args) => [
      chunk({ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }),
      ...text.map((content) =>
        chunk({ index: 0, delta: { content }, logprobs: { content: [{ token: content }] }, finish_reason: null }),
      ),
      chunk({
        index: 0,
        delta: {
          tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "send", arguments: "" } }],
        },
        finish_reason: null,
      }),
      ...args.map((piece) =>
        chunk({ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: piece } }] }, finish_reason: null }),
      ),
      chunk({ index: 0, delta: {}, finish_reason: "tool_calls" }),
      { ...chunk({}), choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
    ],
    read: (frames) => ({
      text: join(frames.map((frame) => delta(frame, "content"))),
      args: join(frames.map((frame) => delta(frame, "tool_calls", 0, "function", "arguments"))),
    }),
  },
  "openai.completions": {
    frames: (text, args) => [
      ...text.map((piece) => chunk({ index: 0, text: piece, finish_reason: null })),
      chunk({ index: 0, text: "", finish_reason: "stop" }),
      ...args.map((piece) => chunk({ index: 1, text: piece, finish_reason: null })),
      chunk({ index: 1, text: "", finish_reason: "stop" }),
    ],
    read: (frames) => {
      const of = (index: number) =>
        join(
          frames.filter((frame) => at(frame, "choices", 0, "index") === index).map((f) => at(f, "choices", 0, "text")),
        );
      return { text: of(0), args: of(1) };
    },
  },
  "openai.responses": {
    frames: (text, args) => {
      const part = { type: "output_text", text: text.join(""), annotations: [] };
      const message = { id: "msg_1", type: "message", role: "assistant", status: "completed", content: [part] };
      const call = { id: "fc_1", type: "function_call", call_id: "c", name: "send", arguments: args.join("") };
      const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
      const events: JsonObject[] = [
        { type: "response.created", response: { id: "resp_1", object: "response", output: [] } },
        { type: "response.output_item.added", output_index: 0, item: { ...message, content: [] } },
        ...text.map((delta) => ({ type: "response.output_text.delta", ...place, delta, logprobs: [{ token: delta }] })),
        { type: "response.output_text.done", ...place, text: part.text },
        { type: "response.content_part.done", ...place, part },
        { type: "response.output_item.done", output_index: 0, item: message },
        ...args.map((delta) => ({
          type: "response.function_call_arguments.delta",
          item_id: "fc_1",
          output_index: 1,
          delta,
        })),
        { type: "response.function_call_arguments.done", item_id: "fc_1", output_index: 1, arguments: args.join("") },
        { type: "response.output_item.done", output_index: 1, item: call },
        { type: "response.completed", response: { id: "resp_1", object: "response", output: [message, call] } },
      ];
      return events.map((event, sequence_number) => ({ ...event, sequence_number }));
    },
    read: (frames) => {
      const joined = (type: string) => join(frames.filter((frame) => frame.type === type).map(({ delta }) => delta));
      return { text: joined("response.output_text.delta"), args: joined("response.function_call_arguments.delta") };
    },
  },
  "anthropic.messages": {
    frames: (text, args) => [
      { type: "message_start", message: { id: "msg_1", type: "message", role: "assistant", content: [], model: "m" } },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      ...text.map((piece) => ({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: piece } })),
      { type: "content_block_stop", index: 0 },
      { type: "content_block_start", index: 1, content_block: { type: "tool_use", id: "t", name: "send", input: {} } },
      ...args.map((piece) => ({
        type: "content_block_delta",
        index: 1,
        delta: { type: "input_json_delta", partial_json: piece },
      })),
      { type: "content_block_stop", index: 1 },
      { type: "message_delta", delta: { stop_reason: "tool_use" }, usage: { output_tokens: 3 } },
      { type: "message_stop" },
    ],
    read: (frames) => ({
      text: join(frames.map((frame) => at(frame, "delta", "text"))),
      args: join(frames.map((frame) => at(frame, "delta", "partial_json"))),
    }),
  },
};
const dialects = Object.entries(CASES) as [Dialect, Case][]; // safe because: the record's keys are dialects

function redacted(dialect: Dialect, frames: readonly JsonObject[]) {
  const answer = new AnswerRedactor(new Redactor());
  const redactor = frameRedactor(dialect, answer);
  const out = frames.flatMap((frame) => redactor.push(structuredClone(frame)));
  return { frames: [...out, ...redactor.end()], found: answer.redactor.found };
}

describe.each(dialects)("frames of %s", (dialect, { frames, read }) => {
  it("join to the redacted text, however it was cut, and none of them shows a value", () => {
    fc.assert(
      fc.property(planted, sizes, sizes, ({ text, secrets }, of, argsOf) => {
        const args = JSON.stringify({ to: text, n: 1 });
        const out = redacted(dialect, frames(cut(text, of), cut(args, argsOf)));
        const redactor = new Redactor();
        const seen = read(out.frames);
        expect(seen.text).toBe(redactWhole(redactor, text));
        if (dialect !== "openai.completions") {
          const made = JSON.parse(seen.args) as { to: string; n: number }; // safe because: the test wrote these members
          expect(made.n).toBe(1);
          expect(made.to).toBe(redactor.text(text));
        }
        const shown = JSON.stringify(out.frames);
        for (const secret of secrets) {
          expect(shown).not.toContain(JSON.stringify(secret).slice(1, -1));
          expect(seen.text).not.toContain(secret);
        }
      }),
      { numRuns: 120 },
    );
  });

  it("say what they said where nothing is found, so that no client sees another answer", () => {
    const text = ["What ", "is a ju", "risdic", "tion?", " It is ", "a place."];
    const args = ['{"que', 'ry": "la', 'w", "limit": 10}'];
    const input = frames(text, args);
    const out = redacted(dialect, input);
    expect(read(out.frames)).toEqual(read(input));
    expect(out.found).toEqual(dialect === "openai.chat" || dialect === "openai.responses" ? out.found : {});
    for (const kind of Object.keys(out.found)) expect(kind).toBe("withheld");
  });

  it("count each find once, so that the record tells the truth", () => {
    const out = redacted(dialect, frames(["Write to alice@exam", "ple.com now."], ['{"to": "bob@example', '.com"}']));
    expect(out.found.email).toBe(2);
  });
});

describe("a Responses stream", () => {
  const made = redacted(
    "openai.responses",
    CASES["openai.responses"]?.frames(["Mail alice@exa", "mple.com"], ["{}"]) ?? [],
  );

  it("repeats its text as it was streamed, so that a client which reads only the end sees no more", () => {
    const whole = made.frames.filter(({ type }) => String(type).endsWith(".done") || type === "response.completed");
    expect(JSON.stringify(whole)).not.toContain("alice");
    expect(JSON.stringify(whole.at(-1))).toContain("Mail [email-1]");
  });

  it("numbers its events without a gap, so that a client can tell that none is missing", () => {
    expect(made.frames.map(({ sequence_number }) => sequence_number)).toEqual(made.frames.map((_, i) => i));
  });
});

describe("chunks of a chat", () => {
  it("keep two choices apart, so that neither completes a value of the other", () => {
    const frames = ["alice@exam", "ple.com "].flatMap((content) =>
      [0, 1].map((index) => chunk({ index, delta: { content }, finish_reason: null })),
    );
    const out = redacted("openai.chat", frames);
    for (const index of [0, 1]) {
      const own = out.frames.filter((frame) => at(frame, "choices", 0, "index") === index);
      expect(join(own.map((frame) => delta(frame, "content")))).toBe("[email-1] ");
    }
  });

  it("finish behind everything that was held, so that no client stops reading too early", () => {
    const out = redacted("openai.chat", [
      chunk({ index: 0, delta: { content: "bob@example.com" }, finish_reason: "stop" }),
    ]);
    expect(out.frames.map((frame) => at(frame, "choices", 0, "finish_reason"))).toEqual([null, "stop"]);
    expect(delta(out.frames.at(-2) ?? {}, "content")).toBe("[email-1]");
  });

  it("lose what cannot be read: log probabilities, sound and members that nobody knows", () => {
    const out = redacted("openai.chat", [
      chunk({
        index: 0,
        delta: { content: "", audio: { data: "AAAA" }, thoughts: ["alice@exam"] },
        logprobs: { content: [{ token: "alice@exam" }] },
        finish_reason: null,
      }),
    ]);
    expect(JSON.stringify(out.frames)).not.toMatch(/AAAA|alice/);
    expect(out.found.withheld).toBe(2);
  });

  it("refuse more text than is searched, so that nothing passes unread", () => {
    const fresh = () => frameRedactor("openai.chat", new AnswerRedactor(new Redactor()));
    const content = "x".repeat(LIMITS.redactionCharsMax + 1);
    expect(() => fresh().push(chunk({ index: 0, delta: { content }, finish_reason: null }))).toThrow(Unreadable);
    const args = { function: { arguments: "1".repeat(LIMITS.redactionArgumentsCharsMax) } };
    const redactor = fresh();
    const call = () => redactor.push(chunk({ index: 0, delta: { tool_calls: [args] }, finish_reason: null }));
    call();
    expect(call).toThrow(Unreadable);
  });
});
