import { describe, expect, it } from "vitest";
import type { UnixMs } from "../contracts/ids.ts";
import type { Ids } from "../contracts/ports/clock.ts";
import type { FinishedSpan, SpanExporter } from "../contracts/ports/span-exporter.ts";
import { GEN_AI, GEN_AI_OPERATION, genAiSpanName } from "./gen-ai.ts";
import { parseTraceparent } from "./trace-context.ts";
import { createTracer, type Sampling } from "./tracer.ts";

const caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const callerUnsampled = caller.replace(/01$/, "00");
const WELL_FORMED = /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/;

/** A small generator: the same seed gives the same ids. */
function seededIds(seed: number): Ids {
  let state = seed;
  const bytes = (count: number) =>
    Uint8Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    });
  return { bytes, mint: () => fail("mint"), base62: () => fail("base62") };
}
const fail = (what: string): never => {
  throw new Error(`spans take no ${what}`);
};

function tracing(sampling: Partial<Sampling> = {}, recorded = true) {
  const spans: FinishedSpan[] = [];
  let now = 1_000;
  const exporter: SpanExporter = { export: (span) => void spans.push(span), flush: async () => {} };
  const clock = { now: () => now++ as UnixMs }; // safe because: a counter
  const start = createTracer(recorded ? exporter : null, clock, seededIds(7), {
    ratio: 1,
    followParent: true,
    ...sampling,
  });
  return { spans, start };
}

describe("parseTraceparent", () => {
  it.each([
    ["a version 00 header", caller, true],
    ["a later version with more fields", `01${caller.slice(2)}-what-comes`, true],
    ["version ff", `ff${caller.slice(2)}`, false],
    ["more fields in version 00", `${caller}-x`, false],
    ["upper case", caller.toUpperCase(), false],
    ["a zero trace id", `00-${"0".repeat(32)}-b7ad6b7169203331-01`, false],
    ["a zero span id", `00-0af7651916cd43dd8448eb211c80319c-${"0".repeat(16)}-01`, false],
    ["a short id", "00-0af7-b7ad6b7169203331-01", false],
    ["a line break", `${caller}\n`, false],
    ["nothing", "", false],
    ["a header without end", `01${caller.slice(2)}-${"x".repeat(9_000)}`, false],
  ])("judges %s as the W3C grammar does, so that a broken header starts a new trace", (_title, text, good) => {
    expect(parseTraceparent(text) !== null).toBe(good);
  });
});

describe("spans", () => {
  it("join the caller's trace and hand their own id on, so that a call can be followed across services", () => {
    const { spans, start } = tracing();
    const root = start("POST /v1/chat/completions", caller);
    const step = root.child("policy.decide");
    expect(root.traceparent).toMatch(WELL_FORMED);
    expect(root.traceparent.slice(3, 35)).toBe(caller.slice(3, 35));
    expect(step.traceparent.slice(3, 35)).toBe(caller.slice(3, 35));
    step.end("ok");
    root.end("ok");
    expect(spans.map((span) => [span.name, span.parent_span_id, span.kind])).toEqual([
      ["policy.decide", root.traceparent.slice(36, 52), "internal"],
      ["POST /v1/chat/completions", caller.slice(36, 52), "server"],
    ]);
    expect(spans[0]?.span_id).toBe(step.traceparent.slice(36, 52));
    for (const span of spans) expect(span.end_ms).toBeGreaterThan(span.start_ms);
  });

  it("propagate a trace that is not recorded, so that engines stay in it although we keep nothing", () => {
    for (const { spans, start } of [tracing({}, false), tracing({ ratio: 0 })]) {
      const root = start("x", callerUnsampled);
      expect(root.child("y", { a: 1 }).traceparent).toBe(callerUnsampled);
      root.end();
      const fresh = start("x", null);
      expect(fresh.traceparent).toMatch(WELL_FORMED);
      expect(fresh.traceparent).toMatch(/-00$/);
      expect(fresh.traceparent).toBe(fresh.child("y").traceparent);
      expect(fresh.traceparent).not.toBe(start("x", "nonsense").traceparent);
      expect(spans).toEqual([]);
    }
  });

  it("hand a sampled caller's flag on without an exporter, so that the caller's own trace is not cut", () => {
    expect(tracing({}, false).start("x", caller).traceparent).toBe(caller);
  });

  it("follow the caller's decision only where that is configured, so that strangers cannot fill the collector", () => {
    const trusting = tracing({ ratio: 0, followParent: true });
    trusting.start("x", caller).end();
    expect(trusting.spans).toHaveLength(1);
    const wary = tracing({ ratio: 0, followParent: false });
    wary.start("x", caller).end();
    expect(wary.spans).toEqual([]);
  });

  it("record the configured share of new traces, whole traces only", () => {
    const { spans, start } = tracing({ ratio: 0.25 });
    for (let i = 0; i < 4_000; i++) {
      const root = start("root", null);
      root.child("step").end();
      root.end();
    }
    const roots = spans.filter((span) => span.name === "root").length;
    expect(roots).toBeGreaterThan(850);
    expect(roots).toBeLessThan(1_150);
    expect(spans).toHaveLength(2 * roots);
  });

  it("end once and take nothing afterwards, so that a late callback cannot rewrite what was sent", () => {
    const { spans, start } = tracing();
    const span = start("x", null, { a: 1 });
    span.end("error");
    span.set({ a: 2 });
    span.end("ok");
    expect(spans).toHaveLength(1);
    expect(spans[0]).toMatchObject({ status: "error", attributes: { a: 1 } });
  });

  it("take the name of their route before they end, so that no path of a caller becomes a name", () => {
    const { spans, start } = tracing();
    const span = start("GET", null);
    span.rename("GET /v1/tasks/{task_id}");
    span.end();
    span.rename("late");
    expect(spans.map(({ name }) => name)).toEqual(["GET /v1/tasks/{task_id}"]);
  });

  it("never carry a canary, so that the collector learns neither keys nor content", () => {
    const { spans, start } = tracing();
    const canary = "bw_local_t_4kQ0Zt7bXw2N_canary";
    const span = start(`GET /v1/tasks/${canary}`, null, { prompt: "canary", "user_agent.original": canary });
    span.child("x", { "http.request.header.authorization": "canary", reason: `Bearer canary` }).end();
    span.end();
    expect(spans).toHaveLength(2);
    expect(JSON.stringify(spans)).not.toContain("canary");
  });

  it("name model calls and their attributes as the GenAI conventions do, so that dashboards read them", () => {
    const { spans, start } = tracing();
    const call = start("POST /v1/messages", null).child(genAiSpanName("anthropic.messages", "m-1"), {
      [GEN_AI.operation]: GEN_AI_OPERATION["anthropic.messages"],
      [GEN_AI.provider]: "anthropic",
      [GEN_AI.requestModel]: "m-1",
      [GEN_AI.serverAddress]: "api.example.com",
    });
    call.set({ [GEN_AI.inputTokens]: 21, [GEN_AI.outputTokens]: 8, [GEN_AI.responseModel]: "m-1" });
    call.end("ok");
    expect(spans[0]).toMatchObject({
      name: "chat m-1",
      kind: "client",
      attributes: {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "m-1",
        "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 8,
      },
    });
  });
});
