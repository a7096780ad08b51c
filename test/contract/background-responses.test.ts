import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bootstrapAttribution, operatorKey } from "../../functions/entry/bootstrap.ts";
import { subjectDigest } from "../../functions/inference/content-keys.ts";
import { mint } from "../../functions/v1/keys/mint.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { eventually } from "../support/lab.ts";

const encoder = new TextEncoder();
const chunk = (model: unknown, choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, choices, ...more })}\n\n`;
const word = (content: string) => (model: unknown) =>
  chunk(model, [{ index: 0, delta: { content }, finish_reason: null }]);
const TAIL = [
  (model: unknown) => chunk(model, [{ index: 0, delta: {}, finish_reason: "stop" }]),
  (model: unknown) => chunk(model, [], { usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 } }),
  () => "data: [DONE]\n\n",
];
const answer = ({ model }: JsonObject) => ({
  ...{ id: "c", object: "chat.completion", created: 1, model },
  choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

/** An engine that answers once a test says so. */
function held() {
  const asked = Promise.withResolvers<JsonObject>();
  const told = Promise.withResolvers<Response>();
  const aborted = Promise.withResolvers<void>();
  let feed: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      feed = controller;
    },
    cancel: () => aborted.resolve(),
  });
  return {
    script(request: JsonObject, signal: AbortSignal | null): Promise<Response> {
      signal?.addEventListener("abort", () => {
        aborted.resolve();
        told.reject(signal.reason);
      });
      asked.resolve(request);
      if (request.stream === true)
        return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
      return told.promise;
    },
    asked: asked.promise,
    aborted: aborted.promise,
    answer: async () => told.resolve(Response.json(answer(await asked.promise))),
    async say(...parts: ((model: unknown) => string)[]) {
      const { model } = await asked.promise;
      for (const part of parts) feed.enqueue(encoder.encode(part(model)));
    },
    end: () => feed.close(),
  };
}

let engine: ReturnType<typeof held>;
let cell: DetachedCell;
let client: OpenAI;
beforeEach(async () => {
  engine = held();
  cell = await detachedCell((body, signal) => engine.script(body, signal));
  client = new OpenAI({ ...cell.client, baseURL: "http://127.0.0.1:8787/v1", maxRetries: 0 });
});
afterEach(async () => {
  await cell.close();
  expect(cell.failures).toEqual([]);
});

const create = (more: object = {}) =>
  client.responses.create({ model: "direct", input: "hi", background: true, metadata: { a: "b" }, ...more });
const settled = (id: string) =>
  eventually(
    () => client.responses.retrieve(id),
    ({ status }) => !/queued|in_progress/.test(status ?? ""),
    10_000,
  );

/** Events of a stream that is read to its end, or to the event of this type. */
async function read(stream: AsyncIterable<OpenAI.Responses.ResponseStreamEvent>, until?: string) {
  const events: OpenAI.Responses.ResponseStreamEvent[] = [];
  for await (const event of stream) {
    events.push(event);
    if (event.type === until) break;
  }
  return events;
}

describe("a response in the background, through OpenAI's own client", () => {
  it.each([true, false])("goes from queued to completed while nobody waits for it, stored: %s", async (store) => {
    const queued = await create({ store });
    expect(queued).toMatchObject({ status: "queued", background: true, output: [], model: "direct" });
    await engine.asked;
    const running = await client.responses.retrieve(queued.id);
    expect(running).toMatchObject({ id: queued.id, status: "in_progress", background: true, metadata: { a: "b" } });
    await engine.answer();
    const done = await settled(queued.id);
    expect(done).toMatchObject({ id: queued.id, status: "completed", background: true, store, output_text: "one two" });
    expect(done.usage).toMatchObject({ output_tokens: 2 });
  });

  it("never tells the engine that its answer is made in the background", async () => {
    await create();
    expect(Object.keys(await engine.asked)).not.toContain("background");
    await engine.answer();
  });

  it("is streamed from where the reader was, so that a dropped connection loses nothing and repeats nothing", async () => {
    const live = create({ stream: true });
    await engine.say(word("one "));
    // safe because: `stream: true` was asked for
    const stream = (await live) as unknown as AsyncIterable<OpenAI.Responses.ResponseStreamEvent>;
    const first = await read(stream, "response.output_text.delta");
    const id = first.flatMap((event) => ("response" in event ? [event.response.id] : []))[0] ?? "";
    const after = first.at(-1)?.sequence_number ?? -1;
    const resumed = client.responses.retrieve(id, { stream: true, starting_after: after }).then((again) => read(again));
    await engine.say(word("two"), ...TAIL);
    engine.end();
    const rest = await resumed;
    expect(rest.at(-1)?.type).toBe("response.completed");
    const all = await read(await client.responses.retrieve(id, { stream: true }));
    expect([...first, ...rest]).toEqual(all);
    expect(all.map((event) => event.sequence_number)).toEqual(all.map((_, at) => at));
    expect(await client.responses.retrieve(id)).toMatchObject({ status: "completed", output_text: "one two" });
  });

  it("replays a finished stream byte for byte", async () => {
    const live = cell.ask("/v1/responses", { model: "direct", input: "hi", background: true, stream: true });
    await engine.say(word("one "), ...TAIL);
    engine.end();
    const text = await (await live).text();
    const [, id] = /"id":"(resp_\w+)"/.exec(text) ?? [];
    const replay = await cell.ask(`/v1/responses/${id}?stream=true`, null);
    expect(replay.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(await replay.text()).toBe(text);
  });

  it("stops the engine when it is cancelled, and stays cancelled however often that is asked", async () => {
    const { id } = await create();
    await engine.asked;
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled" });
    await engine.aborted;
    expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled" });
    expect(await client.responses.retrieve(id)).toMatchObject({ id, status: "cancelled", error: null });
    expect(cell.settled.filter(({ ok }) => ok)).toEqual([expect.objectContaining({ status: "CANCELED" })]);
  });

  it("leaves a finished one as it ended when it is cancelled too late", async () => {
    const { id } = await create();
    await engine.answer();
    await settled(id);
    expect(await client.responses.cancel(id)).toMatchObject({ status: "completed", output: [{ type: "message" }] });
  });

  it("ends as it was answered when it is cancelled between its settlement and the end of its log", async () => {
    const { tasks } = cell.faults;
    const { renewTask, appendLog } = cell.deps.tasks;
    const cancelSeen = Promise.withResolvers<void>();
    tasks.renewTask = async (...args) => {
      const renewed = await renewTask(...args);
      if (renewed.ok && renewed.value.cancel) setTimeout(cancelSeen.resolve);
      return renewed;
    };
    let cancelled: Promise<unknown> | null = null;
    const { id } = await create();
    tasks.appendLog = async (...args) => {
      cancelled ??= client.responses.cancel(id);
      await cancelSeen.promise;
      return appendLog(...args);
    };
    await engine.answer();
    expect(await settled(id)).toMatchObject({ status: "completed", output: [{ type: "message" }] });
    expect(await cancelled).toMatchObject({ status: "completed", output: [{ type: "message" }] });
    expect(cell.settled.filter(({ ok }) => ok)).toEqual([expect.objectContaining({ status: "OK" })]);
  });

  it.each([true, false])("is gone once it is deleted, log included, stored: %s", async (store) => {
    const { id } = await create({ store });
    await engine.answer();
    await settled(id);
    await client.responses.delete(id);
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.cancel(id)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.delete(id)).rejects.toMatchObject({ status: 404 });
  });

  it("is not found under an id that somebody made up from its task", async () => {
    const { id } = await create({ store: false });
    const guessed = id.replace(/^resp_\w{26}/, `resp_${"0".repeat(26)}`);
    await engine.asked;
    await expect(client.responses.retrieve(guessed)).rejects.toMatchObject({ status: 404 });
    await engine.answer();
    await settled(id);
    await expect(client.responses.retrieve(guessed)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.cancel(guessed)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.delete(guessed)).rejects.toMatchObject({ status: 404 });
    expect(await client.responses.retrieve(id)).toMatchObject({ status: "completed" });
  });

  it("is gone with the conversation of somebody else's response that it continues, so that their erasure leaves no answer over it", async () => {
    const { tenants, config } = cell.deps;
    const somebody = "service:somebody";
    const key = mint(cell.deps, cell.tenant);
    const change = async () => {
      const found = await tenants.lookup(cell.tenant, null);
      if (!found.ok) throw new Error(found.error.reason);
      const by = bootstrapAttribution(cell.deps.cell, config.current().digest);
      return { access: { kid: null, versions: { credential: 0, ...found.value.state.versions } }, by };
    };
    const theirs = { ...operatorKey(key, "somebody"), subject: somebody, cell_operator: false };
    expect(await tenants.createKey(cell.tenant, await change(), theirs)).toMatchObject({ ok: true });
    const answered = client.withOptions({ apiKey: key.text }).responses.create({ model: "direct", input: "hi" });
    await engine.answer();
    const previous_response_id = (await answered).id;
    engine = held();
    const { id } = await create({ previous_response_id });
    await engine.answer();
    expect((await settled(id)).status).toBe("completed");
    await tenants.eraseSubject(cell.tenant, await change(), subjectDigest(somebody));
    await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
    expect((await cell.ask(`/v1/tasks/task_${id.split("_")[2]}/events`, null)).status).toBe(404);
  });

  it("stays where its objects are of an earlier release, which do not tell what it goes on with, so that edges may be rolled out first", async () => {
    const { id } = await create();
    await engine.answer();
    expect((await settled(id)).status).toBe("completed");
    const { detached } = cell.deps.tasks;
    cell.faults.tasks.detached = async (...asked) => {
      const found = await detached(...asked);
      if (found.ok) delete found.value.session;
      return found;
    };
    expect(await client.responses.retrieve(id)).toMatchObject({ status: "completed", output_text: "one two" });
    expect((await cell.ask(`/v1/tasks/task_${id.split("_")[2]}/events`, null)).status).toBe(200);
  });

  it("cannot be streamed where it was not created as a stream", async () => {
    const { id } = await create();
    await engine.asked;
    await expect(client.responses.retrieve(id, { stream: true })).rejects.toMatchObject({
      status: 400,
      param: "stream",
    });
    await engine.answer();
    await settled(id);
    await expect(client.responses.retrieve(id, { stream: true })).rejects.toMatchObject({ status: 400 });
  });
});
