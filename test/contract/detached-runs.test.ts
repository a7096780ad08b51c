import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JsonObject } from "../../shared/contracts/json.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { CHAT, chat, DETACHED, lastFrame, queued, read, taken, taskOf } from "../support/detached-asks.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { events, fed, type Script, TAIL, WORDS, whole } from "../support/engine-scripts.ts";
import { eventually } from "../support/lab.ts";

/** What the engine does with the next requests, in order. */
let scripts: Script[];
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

describe("a call that lives on without its caller", () => {
  it("is answered by its log byte for byte as the direct lane answers, so that a detached answer is no other answer", async () => {
    scripts = [events([...WORDS, ...TAIL]), events([...WORDS, ...TAIL]), whole, whole];
    const [direct, detached] = [
      await cell.ask(CHAT, chat("direct", true)),
      await cell.ask(CHAT, chat("direct", true), DETACHED),
    ];
    const scrub = (text: string) => text.replaceAll(/chatcmpl-\w+/g, "id");
    const [there, here] = [await read(direct), await read(detached)];
    expect(scrub(here.text)).toBe(scrub(there.text));
    expect(here.broken).toBe(false);
    expect(detached.headers.get("content-type")).toBe(direct.headers.get("content-type"));
    expect(taskOf(detached)).toMatch(/^task_/);
    const unary = [await cell.ask(CHAT, chat("direct")), await cell.ask(CHAT, chat("direct"), DETACHED)];
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
      const response = await cell.ask(CHAT, chat("direct"), headers);
      await response.text();
      ids.push(taskOf(response));
    }
    const [direct, detached] = await Promise.all(ids.map((id) => cell.task(id)));
    const charged = (task: JsonObject | undefined) => ({ ...(task?.usage as JsonObject), latency_ms: 0 }); // safe because: the operation's own schema
    expect(charged(detached)).toEqual(charged(direct));
    expect(charged(direct)).toMatchObject({ cost_nusd: 7_000 });
    expect(cell.settled).toEqual(ids.map((task) => ({ task, status: "OK", ok: true })));
  });

  it("is decided live when it is leased, and that decision is the one its closing entry names, to be explained", async () => {
    scripts = [whole];
    const answer = cell.ask(CHAT, chat("queued"), {});
    const task = await cell.nextTask();
    await cell.take(task);
    expect((await answer).status).toBe(200);
    const admin = async (path: string) => (await cell.ask(path, null)).json() as Promise<{ data: JsonObject[] }>; // safe because: lists of the API
    const kept = (await admin("/v1/decisions?limit=10")).data.filter((decision) => decision.task === task);
    const points = kept.map(async ({ id }) => {
      const { input } = (await (await cell.ask(`/v1/decisions/${id}`, null)).json()) as { input: JsonObject }; // safe because: a decision's schema
      return input.point;
    });
    expect(await Promise.all(points)).toEqual(["lease", "request"]);
    const entries = (await admin("/v1/ledger?limit=100")).data.filter((entry) => entry.task === task);
    expect(entries.map(({ kind, decision }) => [kind, decision])).toEqual([
      ["task.opened", kept[1]?.id],
      ["task.closed", kept[0]?.id],
    ]);
  });

  it("is not taken along by a caller who leaves", async () => {
    const engine = fed();
    scripts = [engine.script];
    const gone = new AbortController();
    const response = await Promise.all([
      cell.ask(CHAT, chat("direct", true), DETACHED, gone.signal),
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
    const answer = cell.ask(CHAT, chat("queued"), {});
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
    const [direct, detached] = [await cell.ask(CHAT, chat("direct")), await cell.ask(CHAT, chat("direct"), DETACHED)];
    expect(detached.status).toBe(direct.status);
    const error = async (response: Response) => ((await response.json()) as { error: object }).error;
    expect(await error(detached)).toEqual(await error(direct));
    expect(await cell.task(taskOf(detached))).toMatchObject({ status: "ERROR" });
  });

  it("whose stream breaks ends in an error frame and a destroyed connection, never as if complete", async () => {
    const engine = fed();
    scripts = [engine.script];
    const [response] = await Promise.all([
      cell.ask(CHAT, chat("direct", true), DETACHED),
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
    const { answer, task } = await queued(cell, true, headers);
    const early = await cell.ask(CHAT, chat("queued", true), headers);
    expect(early.status).toBe(409);
    await taken(cell, task);
    const first = await read(await answer);
    const again = await cell.ask(CHAT, chat("queued", true), headers);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect(await read(again)).toEqual(first);
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("keeps its task from being cancelled by a caller who leaves: the result is fetched with the key later", async () => {
    scripts = [whole];
    const gone = new AbortController();
    const headers = { "idempotency-key": '"k2"' };
    const { answer, task } = await queued(cell, false, headers, gone.signal);
    gone.abort();
    await taken(cell, task);
    expect((await answer).status).toBe(200);
    expect(await cell.task(task)).toMatchObject({ status: "OK" });
  });
});

describe("a cancelled task", () => {
  it("that nobody has ends at once, and its caller is told", async () => {
    const { answer, task } = await queued(cell, false);
    await cell.deps.tasks.cancelTask(cell.tenant, task);
    const response = await answer;
    expect(response.status).toBe(499);
    expect(await cell.task(task)).toMatchObject({ status: "CANCELED" });
    expect(await cell.take(task)).toEqual({ ok: false, error: { reason: "finished" } });
  });

  it("reaches its engine before the lease is renewed and shows all that was delivered before the error", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { renewTask } = cell.deps.tasks;
    // The next renewal never comes of itself.
    const forAges = { life_ms: LIMITS.detachedLifeMs, wait_ms: LIMITS.detachedLifeMs };
    cell.faults.tasks.renewTask = (tenant, of, fence) => renewTask(tenant, of, fence, forAges);
    const { answer, task } = await queued(cell, true);
    const run = await taken(cell, task);
    await engine.asked;
    for (const text of WORDS) engine.say(text);
    const response = await answer;
    const body = read(response);
    await cell.deps.tasks.cancelTask(cell.tenant, task);
    await engine.aborted;
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
    const { answer, task } = await queued(cell, stream, {}, gone.signal);
    await taken(cell, task);
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
