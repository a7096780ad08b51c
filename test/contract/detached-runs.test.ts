import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProblemError } from "../../functions/problem.ts";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err } from "../../shared/contracts/result.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { eventually } from "../support/lab.ts";

const encoder = new TextEncoder();
const chunk = (choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "queued", choices, ...more })}\n\n`;
const word = (content: string) => chunk([{ index: 0, delta: { content }, finish_reason: null }]);
const WORDS = ["one ", "two ", "three "].map(word);
const TAIL = [
  chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
  chunk([], { usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 } }),
  "data: [DONE]\n\n",
];
const WHOLE = {
  ...{ id: "c", object: "chat.completion", created: 1, model: "queued" },
  choices: [{ index: 0, message: { role: "assistant", content: "one two" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

/** What the engine does with the next requests, in order. */
let scripts: ((body: JsonObject, signal: AbortSignal | null) => Promise<Response> | Response)[];
let cell: DetachedCell;
beforeEach(async () => {
  scripts = [];
  cell = await detachedCell(async (body, signal) => {
    const script = scripts.shift();
    if (!script) throw new Error("the engine was asked once too often");
    return script(body, signal);
  });
});
afterEach(async () => {
  await cell.close();
  expect(cell.failures).toEqual([]);
});

/** The pinned model is the one that answers. */
const as = (text: string, { model }: JsonObject) =>
  text.replaceAll('"model":"queued"', `"model":${JSON.stringify(model)}`);
const events = (text: readonly string[]) => (body: JsonObject) =>
  new Response(as(text.join(""), body), { headers: { "content-type": "text/event-stream" } });
const whole = (body: JsonObject) => Response.json({ ...WHOLE, model: body.model });

/** A stream that a test feeds; `aborted` resolves when the cell stops reading it. */
function fed() {
  const aborted = Promise.withResolvers<void>();
  let feed: ReadableStreamDefaultController<Uint8Array>;
  let asking: JsonObject = {};
  const asked = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller;
    },
    cancel: () => aborted.resolve(),
  });
  return {
    script(request: JsonObject, signal: AbortSignal | null) {
      asking = request;
      signal?.addEventListener("abort", () => aborted.resolve());
      asked.resolve();
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
    say: (text: string) => feed.enqueue(encoder.encode(as(text, asking))),
    end: () => feed.close(),
    fail: () => feed.error(new Error("reset")),
    aborted: aborted.promise,
    asked: asked.promise,
  };
}

const chat = (model: string, stream = false): JsonObject => ({
  ...{ model, stream, messages: [{ role: "user", content: "hi" }] },
});
const DETACHED = { "x-detach": "1" };
const path = "/v1/chat/completions";
const taskOf = (response: Response) => response.headers.get("x-bailiwick-task") ?? "";

/** A body read frame by frame, until it breaks off. */
async function read(response: Response): Promise<{ text: string; broken: boolean }> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      text += decoder.decode(part.value);
    return { text, broken: false };
  } catch {
    return { text, broken: true };
  }
}
const lastFrame = (text: string) => JSON.parse(text.trimEnd().split("\n\n").at(-1)?.slice("data: ".length) ?? "{}");
/** A queued call and its task, taken at once. */
async function queued(stream: boolean, headers: Record<string, string> = {}, signal?: AbortSignal) {
  const answer = cell.ask(path, chat("queued", stream), headers, signal);
  const task = await cell.nextTask();
  return { answer, task };
}
async function taken(...args: Parameters<DetachedCell["take"]>) {
  const run = await cell.take(...args);
  if (!run.ok) throw new Error(run.error.reason);
  return run.value;
}

describe("a call that lives on without its caller", () => {
  it("is answered by its log byte for byte as the direct lane answers, so that a detached answer is no other answer", async () => {
    scripts = [events([...WORDS, ...TAIL]), events([...WORDS, ...TAIL]), whole, whole];
    const [direct, detached] = [
      await cell.ask(path, chat("direct", true)),
      await cell.ask(path, chat("direct", true), DETACHED),
    ];
    const scrub = (text: string) => text.replaceAll(/chatcmpl-\w+/g, "id");
    const [there, here] = [await read(direct), await read(detached)];
    expect(scrub(here.text)).toBe(scrub(there.text));
    expect(here.broken).toBe(false);
    expect(detached.headers.get("content-type")).toBe(direct.headers.get("content-type"));
    expect(taskOf(detached)).toMatch(/^task_/);
    const unary = [await cell.ask(path, chat("direct")), await cell.ask(path, chat("direct"), DETACHED)];
    const bodies = await Promise.all(unary.map((response) => response.text()));
    expect(bodies[1]).toBe(bodies[0]);
    expect(await cell.task(taskOf(detached))).toMatchObject({ status: "OK", phase: "done" });
    // Of each task one settlement that was accepted.
    expect(cell.settled.filter(({ ok }) => ok)).toHaveLength(4);
  });

  it("charges what the direct lane charges, once", async () => {
    scripts = [whole, whole];
    const ids = [];
    for (const headers of [{}, DETACHED]) {
      const response = await cell.ask(path, chat("direct"), headers);
      await response.text();
      ids.push(taskOf(response));
    }
    const [direct, detached] = await Promise.all(ids.map((id) => cell.task(id)));
    const charged = (task: JsonObject | undefined) => ({ ...(task?.usage as JsonObject), latency_ms: 0 }); // safe because: the operation's own schema
    expect(charged(detached)).toEqual(charged(direct));
    expect(charged(direct)).toMatchObject({ cost_nusd: 7_000 });
    expect(cell.settled).toEqual(ids.map((task) => ({ task, status: "OK", ok: true })));
  });

  it("is not taken along by a caller who leaves", async () => {
    const engine = fed();
    scripts = [engine.script];
    const gone = new AbortController();
    const response = await Promise.all([
      cell.ask(path, chat("direct", true), DETACHED, gone.signal),
      engine.asked.then(() => engine.say(WORDS[0] ?? "")),
    ]).then(([answer]) => answer);
    await response.body?.cancel();
    gone.abort();
    for (const text of [...WORDS.slice(1), ...TAIL]) engine.say(text);
    engine.end();
    const task = await eventually(
      () => cell.task(taskOf(response)),
      ({ status }) => status !== null,
    );
    expect(task).toMatchObject({ status: "OK" });
  });

  it("is told the problem as its answer when it may not run any more, in its surface's own form", async () => {
    const answer = cell.ask(path, chat("queued"), {});
    const task = await cell.nextTask();
    await cell.revoke();
    expect(await cell.take(task)).toMatchObject({ ok: true });
    const response = await answer;
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { type: expect.any(String), message: expect.any(String) } });
    expect(await cell.task(task)).toMatchObject({ status: "ERROR" });
    expect(cell.upstreamCalls).toEqual([]);
  });

  it("is told the engine's failure with the status of the direct lane", async () => {
    const failing = () => Response.json({ error: { message: "no" } }, { status: 500 });
    scripts = [failing, failing];
    const [direct, detached] = [await cell.ask(path, chat("direct")), await cell.ask(path, chat("direct"), DETACHED)];
    expect(detached.status).toBe(direct.status);
    const error = async (response: Response) => ((await response.json()) as { error: object }).error;
    expect(await error(detached)).toEqual(await error(direct));
    expect(await cell.task(taskOf(detached))).toMatchObject({ status: "ERROR" });
  });

  it("whose stream breaks ends in an error frame and a destroyed connection, never as if complete", async () => {
    const engine = fed();
    scripts = [engine.script];
    const [response] = await Promise.all([
      cell.ask(path, chat("direct", true), DETACHED),
      engine.asked.then(() => engine.say(WORDS.join(""))),
    ]);
    const body = read(response);
    engine.fail();
    const { text, broken } = await body;
    expect(broken).toBe(true);
    expect(text).toContain("three");
    expect(lastFrame(text)).toMatchObject({ error: { code: expect.any(String) } });
    expect(text).not.toContain("[DONE]");
    expect(await cell.task(taskOf(response))).toMatchObject({ status: "ERROR" });
  });
});

describe("a repeated key", () => {
  it("waits while the task runs and gets the same bytes afterwards, so that nothing runs twice", async () => {
    scripts = [events([...WORDS, ...TAIL])];
    const headers = { "idempotency-key": '"k1"' };
    const { answer, task } = await queued(true, headers);
    const early = await cell.ask(path, chat("queued", true), headers);
    expect(early.status).toBe(409);
    await taken(task);
    const first = await read(await answer);
    const again = await cell.ask(path, chat("queued", true), headers);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await read(again)).toEqual(first);
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("keeps its task from being cancelled by a caller who leaves: the result is fetched with the key later", async () => {
    scripts = [whole];
    const gone = new AbortController();
    const headers = { "idempotency-key": '"k2"' };
    const { answer, task } = await queued(false, headers, gone.signal);
    gone.abort();
    await taken(task);
    expect((await answer).status).toBe(200);
    expect(await cell.task(task)).toMatchObject({ status: "OK" });
  });
});

describe("a cancelled task", () => {
  it("that nobody has ends at once, and its caller is told", async () => {
    const { answer, task } = await queued(false);
    await cell.deps.tasks.cancelTask(cell.tenant, task);
    const response = await answer;
    expect(response.status).toBe(499);
    expect(await cell.task(task)).toMatchObject({ status: "CANCELED" });
    expect(await cell.take(task)).toEqual({ ok: false, error: { reason: "finished" } });
  });

  it("reaches its engine within a second and shows all that was delivered before the error", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(true);
    const run = await taken(task);
    await engine.asked;
    for (const text of WORDS) engine.say(text);
    const response = await answer;
    const body = read(response);
    const startedMs = Date.now();
    await cell.deps.tasks.cancelTask(cell.tenant, task);
    await engine.aborted;
    expect(Date.now() - startedMs).toBeLessThan(1_000);
    const { text, broken } = await body;
    expect(broken).toBe(true);
    expect(lastFrame(text)).toMatchObject({ error: { code: "canceled" } });
    expect(await run.over).toBe("done");
    expect(await cell.task(task)).toMatchObject({ status: "CANCELED" });
    expect(cell.settled.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it.each([true, false])("is one whose caller left without a key (stream: %s)", async (stream) => {
    const engine = fed();
    scripts = [engine.script];
    const gone = new AbortController();
    const { answer, task } = await queued(stream, {}, gone.signal);
    await taken(task);
    await engine.asked;
    if (stream) {
      engine.say(WORDS[0] ?? "");
      await (await answer).body?.cancel();
    } else gone.abort();
    await engine.aborted;
    await eventually(
      () => cell.task(task),
      ({ status }) => status !== null,
    );
    expect(await cell.task(task)).toMatchObject({ status: "CANCELED" });
    if (!stream) await answer;
  });
});

describe("a run that is lost", () => {
  it("before its first frame is begun again, settled by the second one alone, and nobody sees that", async () => {
    const engine = fed();
    scripts = [engine.script, events([...WORDS, ...TAIL])];
    const { answer, task } = await queued(true);
    const lost = new AbortController();
    const first = await taken(task, { lost: lost.signal });
    await engine.asked;
    lost.abort();
    expect(await first.over).toBe("lost");
    expect(cell.settled).toEqual([]);
    expect(await cell.nextTask()).toBe(task);
    const second = await taken(task);
    expect(second.fence).toBeGreaterThan(first.fence);
    const { text, broken } = await read(await answer);
    expect(broken).toBe(false);
    expect(text).toContain("[DONE]");
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
  });

  it("after its first frames goes on where they ended when its worker has them, byte for byte", async () => {
    const engine = fed();
    scripts = [engine.script, events([...WORDS, ...TAIL])];
    const { answer, task } = await queued(true);
    const lost = new AbortController();
    const first = await taken(task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS.slice(0, 2).join(""));
    const response = await answer;
    await eventually(
      () => cell.log(task),
      ({ frames }) => frames >= 2,
    );
    lost.abort();
    expect(await first.over).toBe("lost");
    const second = await taken(task, { held: true });
    const { text, broken } = await read(response);
    expect(await second.over).toBe("done");
    expect(broken).toBe(false);
    expect([...text.matchAll(/"content":"(\w+) "/g)].map(([, content]) => content)).toEqual(["one", "two", "three"]);
    expect(text).toContain("[DONE]");
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
    expect(await cell.log(task)).toMatchObject({ end: "complete", attempts: 1 });
  });

  it("and repeats other bytes than were delivered ends the stream in an error, never in other words", async () => {
    const engine = fed();
    scripts = [engine.script, events([word("other "), ...TAIL])];
    const { answer, task } = await queued(true);
    const lost = new AbortController();
    const first = await taken(task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS[0] ?? "");
    const response = await answer;
    lost.abort();
    await first.over;
    const second = await taken(task, { held: true });
    const { text, broken } = await read(response);
    await second.over;
    expect(broken).toBe(true);
    expect(text).not.toContain("other");
    expect(lastFrame(text)).toMatchObject({ error: { code: expect.any(String) } });
    expect(cell.settled.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it("after its first frames is ended in an error when nobody has them", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(true);
    const lost = new AbortController();
    const first = await taken(task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS[0] ?? "");
    const response = await answer;
    lost.abort();
    await first.over;
    expect(await cell.take(task)).toEqual({ ok: false, error: { reason: "finished" } });
    const { text, broken } = await read(response);
    expect(broken).toBe(true);
    expect(text).toContain("one");
    expect(lastFrame(text)).toMatchObject({ error: { code: expect.any(String) } });
    expect(await cell.task(task)).toMatchObject({ status: "ERROR" });
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("to somebody else keeps and settles nothing, so that one task has one outcome", async () => {
    const engine = fed();
    scripts = [engine.script, whole];
    const { answer, task } = await queued(false, { "idempotency-key": '"k3"' });
    const first = await taken(task);
    await engine.asked;
    // As if its process had stood still past the end of its lease.
    const { renewTask } = cell.deps.tasks;
    cell.faults.tasks.renewTask = async (...args) => {
      const [, , fence] = args;
      return fence === first.fence ? err({ reason: "fenced" }) : renewTask(...args);
    };
    await cell.deps.tasks.releaseTask(cell.tenant, task, first.fence, { retry_ms: 0, attempted: true });
    expect(await first.over).toBe("lost");
    expect(cell.settled).toEqual([]);
    await taken(task);
    expect((await answer).status).toBe(200);
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
  });

  it("too often is ended as poison, so that one request cannot end worker after worker", async () => {
    const { answer, task } = await queued(false);
    for (let attempt = 1; attempt <= LIMITS.detachedAttemptsMax; attempt++) {
      const engine = fed();
      scripts = [engine.script];
      const lost = new AbortController();
      const run = await taken(task, { lost: lost.signal });
      await engine.asked;
      lost.abort();
      await run.over;
    }
    const response = await answer;
    expect(response.status).toBe(502);
    expect(await cell.task(task)).toMatchObject({ status: "ERROR" });
    expect(await cell.take(task)).toEqual({ ok: false, error: { reason: "finished" } });
  });

  it("because the policy could not be asked is no attempt, so that an outage ends no task", async () => {
    scripts = [whole];
    const { answer, task } = await queued(false);
    const { deps } = cell;
    const { decide } = deps.policy;
    deps.policy.decide = () => Promise.reject(new ProblemError("policy-unavailable"));
    for (let times = 0; times <= LIMITS.detachedAttemptsMax; times++) {
      const run = await taken(task);
      expect(await run.over).toBe("lost");
    }
    deps.policy.decide = decide;
    await taken(task);
    expect((await answer).status).toBe(200);
  });
});

describe("a cell that ends", () => {
  it("leaves the tasks of workers to the next one, and settles what a provider does", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(false);
    const run = await taken(task);
    await engine.asked;
    await cell.lifecycle.drain(0, 1_000);
    expect(await run.over).toBe("lost");
    expect(cell.settled).toEqual([]);
    expect(await cell.take(task)).toMatchObject({ ok: false, error: { reason: "overloaded" } });
    void answer.catch(() => {});
  });
});
