import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { eventually } from "../support/lab.ts";

const chat = (model: unknown) => ({
  ...{ id: "c", object: "chat.completion", created: 1, model },
  choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});
const frames = (model: unknown) =>
  [
    { choices: [{ index: 0, delta: { content: "one " }, finish_reason: null }] },
    { choices: [{ index: 0, delta: { content: "two" }, finish_reason: "stop" }] },
    { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } },
  ]
    .map(
      (more) => `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model, ...more })}\n\n`,
    )
    .concat("data: [DONE]\n\n")
    .join("");

let cell: DetachedCell;
let go: PromiseWithResolvers<void>;
beforeEach(async () => {
  go = Promise.withResolvers();
  cell = await detachedCell(async ({ model, stream }) => {
    await go.promise;
    return stream === true
      ? new Response(frames(model), { headers: { "content-type": "text/event-stream" } })
      : Response.json(chat(model));
  });
});
afterEach(async () => {
  await cell.close();
  expect(cell.failures).toEqual([]);
});

const TASK = { intent: "chat", model: "direct", input: "hi" };
const create = (body: JsonObject, headers: Record<string, string> = {}) => cell.ask("/v1/tasks", body, headers);
/** As whoever asked for it. */
const get = async (path: string): Promise<JsonObject> =>
  // safe because: the operation's own schema
  (await (
    await cell.client.fetch(`http://127.0.0.1:8787${path}`, {
      headers: { authorization: `Bearer ${cell.client.apiKey}` },
    })
  ).json()) as JsonObject;
const settled = (path: string) =>
  eventually(
    () => get(path),
    ({ status }) => status !== null,
    10_000,
  );

describe("a task", () => {
  it.each([".\u{1D1B9}", "-1", "1e3", "0.0000000001", "Infinity"])(
    "with the budget %j is refused by its name, so that no text of a caller breaks a header of ours",
    async (budget_usd) => {
      const response = await create({ ...TASK, budget_usd });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { param: "budget_usd" } });
    },
  );

  it("is answered before it is made, and has its result for whoever asked once it is", async () => {
    const response = await create({ ...TASK, params: { temperature: 0.5 } });
    expect([response.status, response.headers.get("retry-after")]).toEqual([202, "1"]);
    const path = response.headers.get("location") ?? "";
    const told = (await response.json()) as JsonObject; // safe because: the operation's own schema
    expect(told).toMatchObject({ object: "task", operation: "tasks.create", status: null, result: null });
    expect(path).toBe(`/v1/tasks/${told.task_id}`);
    go.resolve();
    expect(await settled(path)).toMatchObject({
      ...{ task_id: told.task_id, status: "OK", phase: "done", error: null },
      result: { object: "chat.completion", choices: [{ message: { content: "one two" } }] },
    });
    expect(cell.upstreamCalls).toMatchObject([{ messages: [{ role: "user", content: "hi" }], temperature: 0.5 }]);
    expect(cell.settled.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it("keeps what it made from those who may only see that it was", async () => {
    const path = (await create(TASK)).headers.get("location") ?? "";
    go.resolve();
    await settled(path);
    expect(await (await cell.ask(path, null)).json()).toMatchObject({ status: "OK", result: null });
  });

  it("is made once however often its key is sent", async () => {
    const headers = { "idempotency-key": "one" };
    const first = (await create(TASK, headers)).headers.get("location") ?? "";
    go.resolve();
    await settled(first);
    const again = await create(TASK, headers);
    expect([again.status, again.headers.get("location")]).toEqual([202, first]);
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("is answered whole where the caller prefers to wait and it ends in time", async () => {
    go.resolve();
    const response = await create({ ...TASK, stream: true }, { prefer: "wait=20" });
    expect([response.status, await response.json()]).toMatchObject([
      200,
      { status: "OK", result: { choices: [{ index: 0, text: "one two", finish_reason: "stop" }] } },
    ]);
  });

  it("is bound by what its envelope says, and refused where that says nothing", async () => {
    expect((await create({ ...TASK, budget_usd: "0.000000001" })).status).toBeGreaterThanOrEqual(400);
    expect((await create({ ...TASK, intent: "predict" })).status).toBe(400);
    expect((await create({ ...TASK, params: { temperature: 9 } })).status).toBe(400);
    expect((await create({ ...TASK, unknown: 1 })).status).toBe(400);
    expect(cell.upstreamCalls).toEqual([]);
  });
});
