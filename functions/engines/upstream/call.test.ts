import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import {
  type Dialect,
  EngineError,
  type EngineRequest,
  type ModelEvent,
} from "../../../shared/contracts/ports/engine.ts";
import { engineOptions, TEST_SECRET } from "../../../test/support/engine-options.ts";
import { fetchedExchange } from "../../adapters/egress/fetched-exchange.ts";
import { anthropicEngine } from "../anthropic/engine.ts";
import { azureOpenaiEngine } from "../azure-openai/engine.ts";
import type { EngineOptions } from "../engine-options.ts";
import { openaiEngine } from "../openai/engine.ts";

const encoder = new TextEncoder();
interface Sent {
  url: string;
  headers: Headers;
  body: JsonObject;
  signal: AbortSignal | null | undefined;
}

/** Options whose egress answers with a given response and records what was sent. */
function answering(respond: () => Response, given: Partial<EngineOptions["provider"]> = {}, base = "http://x/v1") {
  const sent: Sent[] = [];
  const options: EngineOptions = {
    ...engineOptions(base, given),
    egress: {
      exchange: fetchedExchange(async (url, init) => {
        sent.push({
          url,
          headers: new Headers(init.headers),
          body: JSON.parse(String(init.body)),
          signal: init.signal,
        });
        return respond();
      }),
    },
  };
  return { options, sent };
}
function request(members: Partial<EngineRequest> = {}, body: JsonObject = {}): EngineRequest {
  const model = members.model ?? "m";
  return {
    task: "t",
    dialect: "openai.chat",
    stream: false,
    model,
    traceparent: "00-1-2-01",
    tracestate: null,
    secret: null,
    ...members,
    body: { model, ...body },
  };
}
const json = (body: unknown): Response =>
  new Response(JSON.stringify(body), { headers: { "content-type": "application/json; charset=utf-8" } });
const sse = (...parts: string[]): Response =>
  new Response(
    new ReadableStream({
      start(controller) {
        for (const part of parts) controller.enqueue(encoder.encode(part));
        controller.close();
      },
    }),
    { headers: { "content-type": "text/event-stream" } },
  );
const live = (): AbortSignal => new AbortController().signal;

async function all(events: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const seen: ModelEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}
async function failure(events: AsyncIterable<ModelEvent>) {
  const error = await all(events).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EngineError)) throw new Error("an EngineError was expected");
  return error.failure;
}

describe("what is sent", () => {
  it("OpenAI: path, bearer key, trace context; a call's own key goes before the cell's", async () => {
    const { options, sent } = answering(() => json({ model: "m" }), {}, "http://x/v1/");
    const engine = openaiEngine(options);
    await all(engine.execute(request(), live()));
    await all(engine.execute(request({ secret: async () => "tenant-key", tracestate: "a=1" }), live()));
    expect(sent[0]?.url).toBe("http://x/v1/chat/completions");
    expect(sent.map((each) => each.headers.get("authorization"))).toEqual([
      `Bearer ${TEST_SECRET}`,
      "Bearer tenant-key",
    ]);
    expect(sent[0]?.headers.get("traceparent")).toBe("00-1-2-01");
    expect(sent.map((each) => each.headers.get("tracestate"))).toEqual([null, "a=1"]);
  });

  it("caps output by max_tokens where max_completion_tokens may be unknown, so that a hard cap is never ignored", async () => {
    const { options, sent } = answering(() => json({ model: "m" }));
    await all(openaiEngine(options).execute(request({}, { max_completion_tokens: 9, max_tokens: 99 }), live()));
    const openai = answering(() => json({ model: "m" }), { base_url: null });
    await all(openaiEngine(openai.options).execute(request({}, { max_completion_tokens: 9 }), live()));
    expect(sent[0]?.body).toEqual({ model: "m", max_tokens: 9 });
    expect(openai.sent[0]?.body).toEqual({ model: "m", max_completion_tokens: 9 });
  });

  it("Azure: deployment in the path, api-version, api-key; the pinned model may be named after an @", async () => {
    const { options, sent } = answering(
      () => json({ model: "gpt-x-2026-01-31" }),
      { api_version: "2025-01-01" },
      "http://x",
    );
    const engine = azureOpenaiEngine(options);
    expect(await all(engine.execute(request({ model: "prod eu@gpt-x" }), live()))).toHaveLength(2);
    expect(sent[0]?.url).toBe("http://x/openai/deployments/prod%20eu/chat/completions?api-version=2025-01-01");
    expect(sent[0]?.headers.get("api-key")).toBe(TEST_SECRET);
    expect(sent[0]?.headers.get("authorization")).toBeNull();
    expect(await failure(engine.execute(request({ model: "prod eu@other" }), live()))).toMatchObject({
      reason: "model_mismatch",
    });
  });

  it("Anthropic: one /v1 however the base is written, x-api-key and version", async () => {
    for (const base of ["http://x", "http://x/v1", "http://x/v1/"]) {
      const { options, sent } = answering(() => json({ model: "m" }), {}, base);
      await all(anthropicEngine(options).execute(request({ dialect: "anthropic.messages" }), live()));
      expect(sent[0]?.url).toBe("http://x/v1/messages");
      expect(sent[0]?.headers.get("x-api-key")).toBe(TEST_SECRET);
      expect(sent[0]?.headers.get("anthropic-version")).toBe("2023-06-01");
    }
  });

  it("refuses a dialect that the engine does not speak, before anything is sent", async () => {
    const { options, sent } = answering(() => json({}));
    const dialect: Dialect = "anthropic.messages";
    expect(await failure(openaiEngine(options).execute(request({ dialect }), live()))).toMatchObject({
      reason: "failed",
    });
    expect(sent).toEqual([]);
  });

  it("a key that is no header value fails without being quoted, so that no log can hold it", async () => {
    const { options } = answering(() => json({}));
    const secret = async () => "canary\nkey";
    const error = await all(openaiEngine(options).execute(request({ secret }), live())).catch(
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof EngineError)) throw new Error("an EngineError was expected");
    expect(error.failure).toMatchObject({ reason: "failed" });
    expect(JSON.stringify([error.failure, error.message, String(error.cause)])).not.toContain("canary");
  });
});

describe("what comes back", () => {
  it("passes stream bytes through as they came, so that no frame is rebuilt", async () => {
    const parts = ['data: {"model":"m","choices":[]}\r\n', "\r\ndata: {", '"a":1}\n\n: ping\n\n', "data: [DONE]\n\n"];
    const { options } = answering(() => sse(...parts));
    const events = await all(openaiEngine(options).execute(request({ stream: true }), live()));
    const chunks = events.flatMap((event) => (event.kind === "chunk" ? [new TextDecoder().decode(event.raw)] : []));
    expect(chunks).toEqual(parts);
  });

  it.each([
    ["an error as the first frame", 'data: {"error":{"message":"no"}}\n\n', { reason: "failed", message: "no" }],
    [
      "a named error event",
      'event: error\ndata: {"type":"error","message":"flat"}\n\n',
      { reason: "failed", message: "flat" },
    ],
    [
      "another model in the first frame",
      'data: {"model":"other"}\n\n',
      { reason: "model_mismatch", reported: "other" },
    ],
    [
      "another model in the second frame (Azure's first names none)",
      'data: {"model":"","choices":[]}\n\ndata: {"model":"other"}\n\n',
      { reason: "model_mismatch" },
    ],
    ["an empty stream", ": ping\n\n", { reason: "failed" }],
  ])("%s fails before anything is delivered", async (_, text, expected) => {
    const { options } = answering(() => sse(text));
    const seen: ModelEvent[] = [];
    const run = async () => {
      for await (const event of openaiEngine(options).execute(request({ stream: true }), live())) seen.push(event);
    };
    await expect(run()).rejects.toMatchObject({ failure: expected });
    expect(seen.map((event) => event.kind)).toEqual(["head"]);
  });

  it("a stream that names no model is delivered, because nothing was misreported", async () => {
    const { options } = answering(() => sse('data: {"choices":[]}\n\n', "data: [DONE]\n\n"));
    expect(await all(openaiEngine(options).execute(request({ stream: true }), live()))).toHaveLength(3);
  });

  it.each([
    ["JSON where a stream was asked for", true, json({ error: { message: "quota" } }), "quota"],
    ["a page where JSON was asked for", false, new Response("<p>", { headers: { "content-type": "text/html" } }), null],
    ["an error document with status 200", false, json({ error: { message: "soft" } }), "soft"],
  ])("%s is a failure, so that SDKs never see an empty success", async (_, stream, response, message) => {
    const { options } = answering(() => response);
    const told = await failure(openaiEngine(options).execute(request({ stream }), live()));
    expect(told).toMatchObject(message === null ? { reason: "failed" } : { reason: "failed", message });
  });

  it("reads at most the bound of an error document", async () => {
    let pulled = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            pulled += 16_384;
            controller.enqueue(new Uint8Array(16_384).fill(0x20));
          },
        }),
        { status: 400 },
      );
    const { options } = answering(endless);
    expect(await failure(openaiEngine(options).execute(request(), live()))).toMatchObject({ reason: "rejected" });
    expect(pulled).toBeLessThan(LIMITS.engineErrorBytesMax * 2);
  });

  it("reads no further than the consumer asks, so that a slow client holds back its upstream", async () => {
    let pulled = 0;
    const counting = () =>
      new Response(
        new ReadableStream(
          {
            pull(controller) {
              pulled++;
              controller.enqueue(encoder.encode('data: {"model":"m"}\n\n'));
            },
          },
          { highWaterMark: 0 },
        ),
        { headers: { "content-type": "text/event-stream" } },
      );
    const { options } = answering(counting);
    const iterator = openaiEngine(options)
      .execute(request({ stream: true }), live())
      [Symbol.asyncIterator]();
    for (let i = 0; i < 4; i++) await iterator.next();
    expect(pulled).toBeLessThanOrEqual(4);
    await iterator.return?.();
  });

  const stalled = () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(encoder.encode('data: {"model":"m"}\n\n'));
          controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        },
      }),
      { headers: { "content-type": "text/event-stream" } },
    );

  it("ends a stream that stalls, so that no call waits for ever", async () => {
    const { options, sent } = answering(stalled, { idle_timeout_ms: 40 });
    expect(await failure(openaiEngine(options).execute(request({ stream: true }), live()))).toEqual({
      reason: "timeout",
    });
    expect(sent[0]?.signal?.aborted).toBe(true);
  });

  it("ends an answer whose stated bytes never come, by time and by whoever asked, so that no call waits for ever", async () => {
    const cut = () => {
      const headers = { "content-type": "application/json", "content-length": "100" };
      return new Response(new ReadableStream({ start: (body) => body.enqueue(encoder.encode("{")) }), { headers });
    };
    const { options } = answering(cut, { idle_timeout_ms: 40, try_timeout_ms: 400 });
    const engine = openaiEngine(options);
    expect(await failure(engine.execute(request(), live()))).toEqual({ reason: "timeout" });
    const iterator = engine.execute(request(), live())[Symbol.asyncIterator]();
    await iterator.next();
    const body = iterator.next();
    engine.cancel("t");
    await expect(body).rejects.toMatchObject({ failure: { reason: "canceled" } });
  });

  it("never takes a slow reader for a stalled engine", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { options } = answering(stalled, { idle_timeout_ms: 40 });
    const iterator = openaiEngine(options)
      .execute(request({ stream: true }), live())
      [Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await iterator.next()).done).toBe(false);
    await iterator.return?.();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("knows no call any more once it ended, so that ids and timers do not pile up", async () => {
    const { options, sent } = answering(() => json({ model: "m" }));
    const outer = new AbortController();
    const engine = openaiEngine(options);
    await all(engine.execute(request(), outer.signal));
    engine.cancel("t");
    outer.abort();
    expect(sent[0]?.signal?.aborted).toBe(false);
  });
});
