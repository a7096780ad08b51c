import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { inputTokensBound } from "../../dialects/input-bound.ts";
import { planChat, planCompletion } from "./answer.ts";
import { base64Floats, embed } from "./embedding.ts";
import { Pace } from "./pace.ts";
import { schemaInstance } from "./schema-instance.ts";
import { cutTokens } from "./words.ts";

const chat = (content: string, members: JsonObject = {}): JsonObject => ({
  model: "synthetic-small",
  messages: [{ role: "user", content }],
  ...members,
});
const text = (body: JsonObject): string => planChat(body).choices[0]?.tokens.join("") ?? "";
const TOOLS = ["first", "second"].map((name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { n: { type: "integer", minimum: 3 } }, required: ["n"] },
  },
}));

describe("the synthetic answer", () => {
  it("is the same for the same request and another for another, so that tests repeat", () => {
    expect(planChat(chat("a"))).toEqual(planChat(chat("a")));
    expect(text(chat("a"))).not.toBe(text(chat("b")));
    expect(text(chat("a"))).not.toBe(text(chat("a", { seed: 1 })));
  });

  it("honours the output cap and says that it was cut", () => {
    const plan = planChat(chat("a", { max_tokens: 5 }));
    expect(plan.choices[0]).toMatchObject({ finish: "length" });
    expect(plan.completionTokens).toBe(5);
  });

  it("ends before the first stop sequence, wherever tokens lie", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("ab", "b", "abc"), { maxLength: 8 }),
        fc.constantFrom("bc", "ba", "z"),
        (tokens, stop) => {
          const whole = tokens.join("");
          const expected = whole.includes(stop) ? whole.slice(0, whole.indexOf(stop)) : whole;
          expect(cutTokens(tokens, null, [stop]).tokens.join("")).toBe(expected);
        },
      ),
    );
  });

  it("counts less input than the bound, so that no hold is overrun", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (content) => {
        const body = chat(content, { tools: TOOLS });
        expect(planChat(body).promptTokens).toBeLessThanOrEqual(inputTokensBound("openai.chat", body, 1));
        const completion = { prompt: [content, content] };
        expect(planCompletion(completion).promptTokens).toBeLessThanOrEqual(
          inputTokensBound("openai.completions", completion, 1),
        );
      }),
    );
  });

  it.each<[string, JsonObject, string | null]>([
    ["required", chat("x", { tools: TOOLS, tool_choice: "required" }), "first"],
    ["named", chat("x", { tools: TOOLS, tool_choice: { type: "function", function: { name: "second" } } }), "second"],
    ["asked for in words", chat("Please CALL TOOL now", { tools: TOOLS }), "first"],
    ["not asked for", chat("x", { tools: TOOLS }), null],
    ["forbidden", chat("call tool", { tools: TOOLS, tool_choice: "none" }), null],
    ["without tools", chat("call tool"), null],
  ])("calls a tool when %s", (_, body, name) => {
    const [choice] = planChat(body).choices;
    expect(choice?.call?.name ?? null).toBe(name);
    if (name !== null) expect(choice).toMatchObject({ tokens: ['{"n"', ":3}"], finish: "tool_calls" });
  });

  it("answers after a tool's result, so that agent loops end", () => {
    const body = chat("call tool", { tools: TOOLS });
    body.messages = [
      { role: "user", content: "call tool" },
      { role: "tool", tool_call_id: "c", content: "call tool" },
    ];
    expect(planChat(body).choices[0]).toMatchObject({ call: null, finish: "stop" });
  });
});

describe("schemaInstance", () => {
  it.each<[JsonObject, unknown]>([
    [{ type: "string", enum: ["b", "a"] }, "b"],
    [{ const: 7 }, 7],
    [{ type: ["null", "integer"], exclusiveMinimum: 4 }, 5],
    [{ type: "number", minimum: 1.5 }, 2],
    [{ type: "integer", maximum: -3 }, -3],
    [{ type: "string", minLength: 12 }, "syntheticxxx"],
    [{ type: "string", maxLength: 3 }, "syn"],
    [{ type: "string", format: "date" }, "2026-01-01"],
    [{ type: "array", items: { type: "boolean" }, minItems: 2 }, [true, true]],
    [{ type: "array", items: { type: "boolean" } }, []],
    [{ anyOf: [{ type: "integer" }, { type: "null" }] }, 0],
    [{ allOf: [{ properties: { a: { type: "integer" } } }, { required: ["a"] }], type: "object" }, { a: 0 }],
    [
      { type: "object", properties: { a: { $ref: "#/$defs/s" } }, required: ["a"], $defs: { s: { const: 1 } } },
      { a: 1 },
    ],
    [{ type: "object", properties: { a: { type: "string" } } }, {}],
  ])("%j → %j", (schema, expected) => {
    expect(schemaInstance(schema)).toEqual(expected);
  });

  it("ends on a schema that contains itself, so that no request can hang the engine", () => {
    const node = {
      type: "object",
      properties: { next: { anyOf: [{ $ref: "#" }, { type: "null" }] } },
      required: ["next"],
    };
    expect(JSON.stringify(schemaInstance(node))).toContain("null");
    const endless = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] };
    expect(JSON.stringify(schemaInstance(endless)).length).toBeLessThan(1_000);
    expect(schemaInstance({ $ref: "#" })).toBeNull();
  });

  it("keeps __proto__ a plain member", () => {
    const made = schemaInstance(
      JSON.parse('{"type":"object","required":["__proto__"],"properties":{"__proto__":{"const":1}}}'),
    );
    expect(JSON.stringify(made)).toBe('{"__proto__":1}');
  });
});

describe("synthetic embeddings", () => {
  it("are unit vectors of the asked length, equal for equal text", () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 300 }), (input, dimensions) => {
        const vector = embed(input, dimensions);
        expect(vector).toHaveLength(dimensions);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
        expect(embed(input, dimensions)).toEqual(vector);
      }),
      { numRuns: 50 },
    );
  });

  it("lie nearer for texts that share words, so that offline retrieval finds something", () => {
    const near = (a: string, b: string) =>
      embed(a, 256).reduce((sum, value, i) => sum + value * (embed(b, 256)[i] ?? 0), 0);
    expect(near("the red cat sleeps", "a red cat")).toBeGreaterThan(
      near("the red cat sleeps", "quarterly revenue report") + 0.2,
    );
  });

  it("encode as little-endian floats, which both OpenAI SDKs decode", () => {
    expect(base64Floats(Float32Array.of(1, -2))).toBe("AACAPwAAAMA=");
  });
});

describe("Pace", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("waits until tokens are due, not longer for earlier delays, and not at all at rate 0", async () => {
    let now = 1_000;
    const clock = { now: () => now as ReturnType<ConstructorParameters<typeof Pace>[0]["now"]> }; // safe because: milliseconds
    const signal = new AbortController().signal;
    const pace = new Pace(clock, 10);
    now += 450;
    vi.useFakeTimers();
    for (let i = 0; i < 4; i++) await pace.tokens(1, signal);
    expect(vi.getTimerCount()).toBe(0);
    let due = false;
    const fifth = pace.tokens(1, signal).then(() => {
      due = true;
    });
    await vi.advanceTimersByTimeAsync(49);
    expect(due).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await fifth;
    const free = new Pace(clock, 0);
    await free.tokens(1_000_000, signal);
    await expect(free.tokens(1, AbortSignal.abort())).rejects.toMatchObject({ failure: { reason: "canceled" } });
  });
});
