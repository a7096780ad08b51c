import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ProblemError } from "../../functions/problem.ts";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err } from "../../shared/contracts/result.ts";
import { CHAT, chat, DETACHED, lastFrame, queued, read, taken } from "../support/detached-asks.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { events, fed, type Script, TAIL, WORDS, whole, word } from "../support/engine-scripts.ts";
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

describe("a run that is lost", () => {
  it("before its first frame is begun again, settled by the second one alone, and nobody sees that", async () => {
    const engine = fed();
    scripts = [engine.script, events([...WORDS, ...TAIL])];
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
    await engine.asked;
    lost.abort();
    expect(await first.over).toBe("lost");
    expect(cell.settled).toEqual([]);
    expect(await cell.nextTask()).toBe(task);
    const second = await taken(cell, task);
    expect(second.fence).toBeGreaterThan(first.fence);
    const { text, broken } = await read(await answer);
    expect(broken).toBe(false);
    expect(text).toContain("[DONE]");
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
  });

  it("after its first frames goes on where they ended when its worker has them, byte for byte", async () => {
    const engine = fed();
    scripts = [engine.script, events([...WORDS, ...TAIL])];
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS.slice(0, 2).join(""));
    const response = await answer;
    await eventually(
      () => cell.log(task),
      ({ frames }) => frames >= 2,
    );
    lost.abort();
    expect(await first.over).toBe("lost");
    const second = await taken(cell, task, { held: true });
    const { text, broken } = await read(response);
    expect(await second.over).toBe("done");
    expect(broken).toBe(false);
    expect([...text.matchAll(/"content":"(\w+) "/g)].map(([, content]) => content)).toEqual(["one", "two", "three"]);
    expect(text).toContain("[DONE]");
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
    expect(await cell.log(task)).toMatchObject({ end: "complete", attempts: 1 });
  });

  it("after its first frames ends in an error though no other worker is there, so that nobody waits for a deadline", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS.slice(0, 2).join(""));
    const response = await answer;
    await eventually(
      () => cell.log(task),
      ({ frames }) => frames >= 2,
    );
    lost.abort();
    expect(await first.over).toBe("lost");
    // What the alarm of the object does once its worker has had the time to return.
    await cell.host.carry(cell.tenant, task);
    const { text, broken } = await read(response);
    expect([broken, text.includes("[DONE]")]).toEqual([true, false]);
    expect(cell.settled).toMatchObject([{ task, status: "ERROR", ok: true }]);
  });

  it("a moment after it showed more leaves all of that in its log, so that its reader is told of the error behind it", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS.slice(0, 2).join(""));
    const reader = ((await answer).body ?? new ReadableStream<Uint8Array>()).getReader();
    const decoder = new TextDecoder();
    let shown = "";
    while (!shown.includes("two")) shown += decoder.decode((await reader.read()).value, { stream: true });
    lost.abort();
    expect(await first.over).toBe("lost");
    expect((await cell.log(task)).frames).toBeGreaterThanOrEqual(2);
    await cell.host.carry(cell.tenant, task);
    reader.releaseLock();
    const { text, broken } = await read(await answer);
    expect(broken).toBe(true);
    expect(lastFrame(text)).toMatchObject({ error: { code: expect.any(String) } });
    expect(cell.settled).toMatchObject([{ task, status: "ERROR", ok: true }]);
  });

  it("and repeats other bytes than were delivered ends the stream in an error, never in other words", async () => {
    const engine = fed();
    scripts = [engine.script, events([word("other "), ...TAIL])];
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
    await engine.asked;
    engine.say(WORDS[0] ?? "");
    const response = await answer;
    lost.abort();
    await first.over;
    const second = await taken(cell, task, { held: true });
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
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
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
    // What was delivered is charged by the relay's own bound, as of a stream that breaks.
    const { usage, ...ended } = await cell.task(task);
    expect(ended).toMatchObject({ status: "ERROR", engine: { provider: "near", model: "queued" } });
    expect(usage).toMatchObject({ estimated: true, tokens: { out: 1 } });
    expect(usage).toMatchObject({ cost_nusd: expect.any(Number) });
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("before its first frame costs nothing when nobody ends it, because nobody saw anything", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(cell, true);
    const lost = new AbortController();
    const first = await taken(cell, task, { lost: lost.signal });
    await engine.asked;
    lost.abort();
    await first.over;
    await cell.deps.tasks.cancelTask(cell.tenant, task);
    await (await answer).text();
    expect(await cell.task(task)).toMatchObject({ status: "CANCELED", usage: { cost_nusd: 0, estimated: false } });
  });

  it("to somebody else keeps and settles nothing, so that one task has one outcome", async () => {
    const engine = fed();
    scripts = [engine.script, whole];
    const { answer, task } = await queued(cell, false, { "idempotency-key": '"k3"' });
    const first = await taken(cell, task);
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
    await taken(cell, task);
    expect((await answer).status).toBe(200);
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
  });

  it("too often is ended as poison, so that one request cannot end worker after worker", async () => {
    const { answer, task } = await queued(cell, false);
    for (let attempt = 1; attempt <= LIMITS.detachedAttemptsMax; attempt++) {
      const engine = fed();
      scripts = [engine.script];
      const lost = new AbortController();
      const run = await taken(cell, task, { lost: lost.signal });
      await engine.asked;
      lost.abort();
      await run.over;
    }
    const response = await answer;
    expect(response.status).toBe(502);
    expect(await cell.task(task)).toMatchObject({ status: "ERROR" });
    expect(await cell.take(task)).toEqual({ ok: false, error: { reason: "exhausted" } });
    // The same message comes again where its worker died before it could bury it; the others are not wanted any more.
    const told = [];
    for (const message of ["m-1", "m-2", "m-1", "m-3"]) {
      const asked = await cell.take(task, { message });
      told.push(asked.ok ? "leased" : asked.error.reason);
    }
    expect(told, "one dead letter of one task").toEqual(["exhausted", "finished", "exhausted", "finished"]);
  });

  it("is not risked for another one: nothing is begun while leases are renewed late", async () => {
    const { task } = await queued(cell, false);
    const { clock } = cell.deps;
    const { now } = clock;
    const { renewTask } = cell.deps.tasks;
    const beganMs = now.call(clock);
    let aheadMs = 0;
    // The clock stands but for what this test says: how long its steps take changes nothing.
    clock.now = () => (beganMs + aheadMs) as UnixMs; // safe because: milliseconds plus milliseconds
    try {
      const renewed = Promise.withResolvers<void>();
      cell.faults.tasks.renewTask = async (tenant, of, fence, options) => {
        if (options.wait_ms === 0 || aheadMs > 0) return renewTask(tenant, of, fence, options);
        aheadMs += options.wait_ms + LIMITS.detachedLateMsMax + 1;
        renewed.resolve();
        return renewTask(tenant, of, fence, { ...options, wait_ms: 0 });
      };
      const engine = fed();
      scripts = [engine.script];
      const lost = new AbortController();
      const run = await taken(cell, task, { lost: lost.signal });
      await renewed.promise;
      await engine.asked;
      cell.faults.tasks.renewTask = renewTask;
      const other = await queued(cell, false);
      expect(await cell.take(other.task)).toMatchObject({ ok: false, error: { reason: "overloaded" } });
      aheadMs += LIMITS.runLeaseMs;
      scripts = [whole];
      await taken(cell, other.task);
      expect((await other.answer).status).toBe(200);
      lost.abort();
      await run.over;
    } finally {
      clock.now = now;
    }
  });

  it("because the policy could not be asked is no attempt, so that an outage ends no task", async () => {
    scripts = [whole];
    const { answer, task } = await queued(cell, false);
    const { deps } = cell;
    const { decide } = deps.policy;
    deps.policy.decide = () => Promise.reject(new ProblemError("policy-unavailable"));
    for (let times = 0; times <= LIMITS.detachedAttemptsMax; times++) {
      const run = await taken(cell, task);
      expect(await run.over).toBe("lost");
    }
    deps.policy.decide = decide;
    await taken(cell, task);
    expect((await answer).status).toBe(200);
  });
});

describe("a run that is lost between its settlement and the end of its log", () => {
  /** The store is gone for whoever wants to end the log, `times` times. */
  const closingFails = (times: number) => {
    const { closeLog } = cell.deps.tasks;
    cell.faults.tasks.closeLog = async (...args) => {
      if (times-- > 0) throw new Error("the store is gone");
      return closeLog(...args);
    };
  };
  const shown = (text: string) => [...text.matchAll(/"content":"(\w+) "/g)].map(([, content]) => content);

  it.each([true, false])("is ended with the answer that was settled, stream: %s", async (stream) => {
    scripts = [stream ? events([...WORDS, ...TAIL]) : whole];
    closingFails(1);
    const { answer, task } = await queued(cell, stream);
    const first = await taken(cell, task);
    expect(await first.over).toBe("lost");
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
    // The store released the task to the next worker, which has nothing of it.
    await eventually(
      () => cell.take(task),
      (taken) => !taken.ok && taken.error.reason === "finished",
    );
    const { text, broken } = await read(await answer);
    expect(broken).toBe(false);
    if (stream) expect([shown(text), text.endsWith("data: [DONE]\n\n")]).toEqual([["one", "two", "three"], true]);
    else expect(JSON.parse(text).choices[0].message.content).toBe("one two");
    expect(cell.settled).toHaveLength(1);
    expect(cell.upstreamCalls).toHaveLength(1);
    expect(await cell.log(task)).toMatchObject({ end: "complete" });
  });

  it("keeps a provider's answer, too: what was paid for is not told to be unknown", async () => {
    scripts = [whole];
    closingFails(1);
    const response = await cell.ask(CHAT, chat("direct"), DETACHED);
    expect([response.status, (await response.json()).choices[0].message.content]).toEqual([200, "one two"]);
    expect(cell.settled.map(({ status }) => status)).toEqual(["OK"]);
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("tells a failure that was settled again, and settles nothing twice", async () => {
    scripts = [() => new Response("{}", { status: 400 })];
    closingFails(1);
    const { answer, task } = await queued(cell, false);
    const first = await taken(cell, task);
    expect(await first.over).toBe("lost");
    await eventually(
      () => cell.take(task),
      (taken) => !taken.ok && taken.error.reason === "finished",
    );
    const told = await answer;
    const { error } = await cell.task(task);
    expect((await told.json()).error.code).toBe((error as { code: string }).code); // safe because: a task that failed has one
    expect(cell.settled.filter(({ ok }) => ok)).toHaveLength(1);
  });
});

describe("a cell that ends", () => {
  it("leaves the tasks of workers to the next one, and settles what a provider does", async () => {
    const engine = fed();
    scripts = [engine.script];
    const { answer, task } = await queued(cell, false);
    const run = await taken(cell, task);
    await engine.asked;
    await cell.lifecycle.drain(0, 1_000);
    expect(await run.over).toBe("lost");
    expect(cell.settled).toEqual([]);
    expect(await cell.take(task)).toMatchObject({ ok: false, error: { reason: "overloaded" } });
    void answer.catch(() => {});
  });
});
