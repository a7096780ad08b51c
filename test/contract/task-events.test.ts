import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";

const frame = (model: unknown, choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, choices, ...more })}\n\n`;
const encoder = new TextEncoder();

let cell: DetachedCell;
let feed: ReadableStreamDefaultController<Uint8Array>;
let model: unknown;
let asked: PromiseWithResolvers<void>;
let aborted: PromiseWithResolvers<void>;
beforeEach(async () => {
  asked = Promise.withResolvers();
  aborted = Promise.withResolvers();
  cell = await detachedCell(async (body: JsonObject, signal) => {
    ({ model } = body);
    signal?.addEventListener("abort", () => aborted.resolve());
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        feed = controller;
      },
      cancel: () => aborted.resolve(),
    });
    asked.resolve();
    return new Response(stream, { headers: { "content-type": "text/event-stream" } });
  });
});
afterEach(async () => {
  await cell.close();
  expect(cell.failures).toEqual([]);
});

const say = (text: string) =>
  feed.enqueue(encoder.encode(frame(model, [{ index: 0, delta: { content: text }, finish_reason: null }])));
function finish() {
  feed.enqueue(encoder.encode(frame(model, [{ index: 0, delta: {}, finish_reason: "stop" }])));
  feed.enqueue(encoder.encode("data: [DONE]\n\n"));
  feed.close();
}
/** A chat that lives on without its caller, one token in. */
async function begun() {
  const body = { model: "direct", stream: true, messages: [{ role: "user", content: "hi" }] };
  const answer = cell.ask("/v1/chat/completions", body, { "x-detach": "1" });
  await asked.promise;
  say("one ");
  const response = await answer;
  await response.body?.cancel();
  return response.headers.get("x-bailiwick-task") ?? "";
}
const events = (path: string, headers: Record<string, string> = {}) => cell.ask(path, null, headers);
const cancel = (task: string) =>
  cell.client.fetch(`http://127.0.0.1:8787/v1/tasks/${task}/cancel`, {
    method: "POST",
    headers: { authorization: `Bearer ${cell.client.apiKey}` },
  });

describe("a task that goes on without its caller", () => {
  it("is followed live, and read again with the same bytes from any event on", async () => {
    const task = await begun();
    const live = await events(`/v1/tasks/${task}/events`);
    expect(live.headers.get("content-type")).toMatch(/^text\/event-stream/);
    say("two");
    finish();
    const text = await live.text();
    const tokens = [...text.matchAll(/^event: token\nid: \d+\ndata: (.*)$/gm)].map(([, data]) =>
      JSON.parse(data ?? ""),
    );
    expect(tokens.map((token) => token.text).join("")).toBe("one two");
    expect(text).toMatch(new RegExp(`event: done\\nid: \\d+\\ndata: .*"task_id":"${task}".*"status":"OK"`));
    expect(await (await events(`/v1/stream/${task}`)).text()).toBe(text);
    const pieces = text.split(/(?<=\n\n)(?=event:)/);
    const rest = pieces.slice(1).join("");
    const first = /^id: (\d+)$/m.exec(pieces[0] ?? "")?.[1] ?? "";
    expect(await (await events(`/v1/tasks/${task}/events?starting_after=${first}`)).text()).toBe(rest);
    expect(await (await events(`/v1/tasks/${task}/events`, { "last-event-id": first })).text()).toBe(rest);
    expect((await events(`/v1/tasks/${task}/events`, { "last-event-id": "x" })).status).toBe(400);
  });

  it("stops at its engine when it is cancelled, tells those who follow it, and is settled once", async () => {
    const task = await begun();
    const followed = events(`/v1/tasks/${task}/events`).then((response) => response.text());
    const answer = await cancel(task);
    expect([answer.status, await answer.json()]).toMatchObject([200, { task_id: task, status: "CANCELED" }]);
    await aborted.promise;
    expect(await followed).toMatch(/event: error\nid: \d+\ndata: .*"status":"CANCELED"/);
    expect(await (await cancel(task)).json()).toMatchObject({ status: "CANCELED" });
    expect(cell.settled.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it("is not there for whoever names a task that does not exist", async () => {
    const none = `task_${"0".repeat(26)}`;
    expect((await events(`/v1/tasks/${none}/events`)).status).toBe(404);
    expect((await cancel(none)).status).toBe(404);
  });
});
