import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { answering } from "../../test/support/answering.ts";
import { EngineFailed, type LocalEngine, type LocalRequest } from "./engine.ts";
import { openaiEngine } from "./openai.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
const METRICS = `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
`;
const document =
  (value: unknown): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
const sse =
  (...parts: string[]): Answer =>
  (response) => {
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
    for (const part of parts) response.write(part);
    response.end();
  };

/** A server that answers as vLLM does, but for what a test gives; and every body that it was sent. */
async function server(answers: Record<string, Answer>, { vllm = true, models = ["m"] } = {}) {
  const bodies: JsonObject[] = [];
  const usual: Record<string, Answer> = {
    "/v1/models": document({ object: "list", data: models.map((id) => ({ id, object: "model" })) }),
    "/version": document({ version: "0.11.0" }),
    "/openapi.json": document({ paths: { "/v1/chat/completions": {}, "/v1/responses": {}, "/v1/embeddings": {} } }),
    "/metrics": (response) => void response.end(vllm ? METRICS : "other 1\n"),
  };
  const http = createServer(
    answering(async (request, response) => {
      const asked = await text(request);
      if (asked !== "") bodies.push(JSON.parse(asked));
      const answer = answers[request.url ?? ""] ?? usual[request.url ?? ""];
      if (answer) answer(response, request);
      else response.writeHead(404).end();
    }),
  );
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  // safe because: a server that listens on TCP has an address and a port
  const { port } = http.address() as AddressInfo;
  const engine = openaiEngine({ url: new URL(`http://127.0.0.1:${port}/`), models: [], dialects: [] });
  return { engine, bodies, http };
}

const live = () => new AbortController().signal;
const request = (stream: boolean, body: JsonObject = {}): LocalRequest => ({
  ...{ task: "t", dialect: "openai.chat", model: "m", stream, body, traceparent: "00-1-2-01" },
});
async function outcome(engine: LocalEngine, asked: LocalRequest) {
  await engine.describe(live());
  const events: string[] = [];
  try {
    for await (const event of engine.execute(asked, live()))
      events.push(event.kind === "head" ? "head" : Buffer.from(event.raw).toString());
    return { events, failure: null };
  } catch (error) {
    if (!(error instanceof EngineFailed)) throw error;
    return { events, failure: error.failure };
  }
}

describe("vLLM, by what it says about itself", () => {
  it("is described with version, models, the dialects whose paths it publishes, and continuation", async () => {
    const { engine } = await server({});
    expect(await engine.describe(live())).toEqual({
      ...{ kind: "openai", version: "0.11.0", models: [{ id: "m", digest: null }], continuation: true },
      dialects: ["openai.chat", "openai.responses", "openai.embeddings"],
    });
  });

  it("tells the load of all of its engines together", async () => {
    const { engine } = await server({});
    await engine.describe(live());
    expect(await engine.load(live())).toEqual({ ready: true, running: 5, waiting: 7, cache: 0.25 });
  });

  it("is not ready without the model that the worker is for, so that no job comes for it", async () => {
    const models = ["m"];
    const { engine } = await server({
      "/v1/models": (response) => void response.end(JSON.stringify({ data: models.map((id) => ({ id })) })),
    });
    await engine.describe(live());
    models.pop();
    expect(await engine.load(live())).toMatchObject({ ready: false });
  });

  it("goes on from a prefix, which another server would answer with a new turn", async () => {
    const body = { messages: [], continue_final_message: true, add_generation_prompt: false };
    const chat = { "/v1/chat/completions": document({ model: "m", choices: [] }) };
    const vllm = await server(chat);
    expect((await outcome(vllm.engine, request(false, body))).failure).toBeNull();
    expect(vllm.bodies[0]).toMatchObject(body);
    const other = await server(chat, { vllm: false });
    expect((await outcome(other.engine, request(false, body))).failure).toMatchObject({ reason: "failed" });
    expect(other.bodies).toEqual([]);
  });

  it("takes caps as they are, and other servers under the name that all know", async () => {
    const chat = { "/v1/chat/completions": document({ model: "m", choices: [] }) };
    const [vllm, other] = [await server(chat), await server(chat, { vllm: false })];
    for (const { engine } of [vllm, other])
      await outcome(engine, request(false, { max_completion_tokens: 9, max_tokens: 99 }));
    expect(vllm.bodies[0]).toEqual({ model: "m", max_completion_tokens: 9, max_tokens: 99 });
    expect(other.bodies[0]).toEqual({ model: "m", max_tokens: 9 });
  });
});

describe("an answer", () => {
  const frames = ['data: {"model":"m","choices":[]}\r\n', "\r\ndata: {", '"a":1}\n\n: ping\n\n', "data: [DONE]\n\n"];

  it("travels byte for byte, the head with its first bytes", async () => {
    const { engine } = await server({ "/v1/chat/completions": sse(...frames) });
    const { events } = await outcome(engine, request(true));
    expect([events[0], events.slice(1).join("")]).toEqual(["head", frames.join("")]);
  });

  it.each([
    ["another model in its first frame", sse('data: {"model":"other"}\n\n'), { reason: "model_mismatch" }],
    [
      "another model in its second frame, as Azure's first names none",
      sse('data: {"model":"","choices":[]}\n\n', 'data: {"model":"x"}\n\n'),
      { reason: "model_mismatch" },
    ],
    ["an error as its first frame", sse('data: {"error":{"message":"no"}}\n\n'), { reason: "failed", message: "no" }],
    ["no frame", sse(), { reason: "failed" }],
    ["a document where a stream was asked for", document({ error: { message: "x" } }), { reason: "failed" }],
  ])("with %s is a failure before anything was handed on", async (_, answer, failure) => {
    const { engine } = await server({ "/v1/chat/completions": answer });
    const told = await outcome(engine, request(true));
    expect(told.events).toEqual([]);
    expect(told.failure).toMatchObject(failure);
  });

  it("that breaks off in the middle is a failure, never an end", async () => {
    const { engine } = await server({
      "/v1/chat/completions": (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"model":"m"}\n\n', () => response.destroy());
      },
    });
    const { events, failure } = await outcome(engine, request(true));
    expect(events).toEqual(["head", 'data: {"model":"m"}\n\n']);
    expect(failure).toMatchObject({ reason: "failed" });
  });

  it("of another model is refused, even when a text inside names the right one", async () => {
    const body = { choices: [{ message: { content: '{"model":"m"}' } }], model: "other" };
    const { engine } = await server({ "/v1/chat/completions": document(body) });
    expect((await outcome(engine, request(false))).failure).toMatchObject({ reason: "model_mismatch" });
  });

  it.each([
    [400, { reason: "rejected", message: "bad", code: "c", param: "p" }],
    [401, { reason: "unauthorized", message: "unauthorized" }],
    [429, { reason: "overloaded", retry_after_ms: 2_000 }],
    [503, { reason: "overloaded", retry_after_ms: 2_000 }],
    [504, { reason: "timeout" }],
    [500, { reason: "failed", message: "bad" }],
  ])("with status %i tells what it means for the next hop", async (status, failure) => {
    const { engine } = await server({
      "/v1/chat/completions": (response) => {
        response.writeHead(status, { "content-type": "application/json", "retry-after": "2" });
        response.end(JSON.stringify({ error: { message: "bad", code: "c", param: "p" } }));
      },
    });
    const told = await outcome(engine, request(true));
    expect([told.events, told.failure]).toMatchObject([[], { ...failure, status }]);
  });
});

describe("cancellation", () => {
  it("closes the connection, which is how these servers are told to stop", async () => {
    const closed = Promise.withResolvers<void>();
    const { engine } = await server({
      "/v1/chat/completions": (response, { socket }) => {
        socket.once("close", () => closed.resolve());
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write('data: {"model":"m"}\n\n');
      },
    });
    await engine.describe(live());
    const stop = new AbortController();
    const iterator = engine.execute(request(true), stop.signal)[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    stop.abort();
    await expect(iterator.next()).rejects.toMatchObject({ failure: { reason: "canceled" } });
    await closed.promise;
  });

  it("before the first byte does the same, so that a queue inside the engine gets shorter", async () => {
    const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { engine } = await server({
      "/v1/chat/completions": (_, { socket }) => {
        socket.once("close", () => closed.resolve());
        asked.resolve();
      },
    });
    await engine.describe(live());
    const stop = new AbortController();
    const first = engine.execute(request(true), stop.signal)[Symbol.asyncIterator]().next();
    await asked.promise;
    stop.abort();
    await expect(first).rejects.toMatchObject({ failure: { reason: "canceled" } });
    await closed.promise;
  });
});
