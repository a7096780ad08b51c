import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ObjectUnavailable } from "../../durable/runtime/object-class.ts";
import type { LogItem } from "../../shared/contracts/ports/task-log.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { CHAT, chat, DETACHED, lastFrame, queued, read, taken, taskOf } from "../support/detached-asks.ts";
import { events, TAIL, WORDS, whole } from "../support/engine-scripts.ts";
import { eventually } from "../support/lab.ts";
import { type ScriptedDetachedCell, scriptedDetachedCell } from "../support/scripted-detached-cell.ts";

let cell: ScriptedDetachedCell;
beforeEach(async () => {
  cell = await scriptedDetachedCell();
});
afterEach(() => cell.close());

const STREAM = events([...WORDS, ...TAIL]);
const KEYED = { "idempotency-key": '"broken-1"' };
const away = () => Promise.reject(new ObjectUnavailable("task crashed"));

/** A problem that says what happened and, where asking again helps, when. */
async function told(response: Response): Promise<{ status: number; code: string; retryMs: string | null }> {
  const body = (await response.json()) as { error: { code: string } }; // safe because: every problem has the member
  return { status: response.status, code: body.error.code, retryMs: response.headers.get("retry-after-ms") };
}
const UNKNOWN = { status: 410, code: "outcome_unknown", retryMs: null };
const AWAY = { status: 503, code: "store_unavailable", retryMs: "1000" };

describe("a key whose answer the store did not take", () => {
  it("is answered by its worker's next run, so that one crash of a log's object is no answer for a day", async () => {
    cell.scripts.push(STREAM, STREAM);
    const { appendLog } = cell.deps.tasks;
    cell.faults.tasks.appendLog = async (...args) => {
      const [, , , part] = args;
      if (part.unseen !== true) return appendLog(...args);
      delete cell.faults.tasks.appendLog;
      return away();
    };
    const { answer, task } = await queued(cell, true, KEYED);
    expect(await (await taken(cell, task)).over).toBe("lost");
    expect(cell.settled).toEqual([]);
    expect(await (await taken(cell, task, { held: true })).over).toBe("done");
    const first = await read(await answer);
    expect([first.broken, first.text.endsWith("data: [DONE]\n\n")]).toEqual([false, true]);
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
    const again = await cell.ask(CHAT, chat("queued", true), KEYED);
    expect([again.status, await again.text()]).toEqual([200, first.text]);
  });

  it("is answered by its worker's next run where the result itself was not kept, of whole answers too", async () => {
    const { putResult } = cell.deps.tasks;
    cell.faults.tasks.putResult = away;
    const { answer, task } = await queued(cell, false, KEYED);
    expect(await (await taken(cell, task)).over).toBe("lost");
    expect(cell.settled).toEqual([]);
    cell.faults.tasks.putResult = putResult;
    expect(await (await taken(cell, task, { held: true })).over).toBe("done");
    const first = await (await answer).text();
    const again = await cell.ask(CHAT, chat("queued"), KEYED);
    expect([again.status, await again.text()]).toEqual([200, first]);
  });

  it.each([true, false])(
    "is asked once more to take it, so that one write that failed costs nobody the answer: stream %s",
    async (stream) => {
      cell.scripts.push(stream ? STREAM : whole);
      const { putResult } = cell.deps.tasks;
      cell.faults.tasks.putResult = (...args) => {
        cell.faults.tasks.putResult = putResult;
        return args.length > 0 ? away() : Promise.resolve();
      };
      const first = await cell.ask(CHAT, chat("direct", stream), KEYED);
      const { text, broken } = await read(first);
      expect([first.status, broken, text.includes('"error"')]).toEqual([200, false, false]);
      const again = await cell.ask(CHAT, chat("direct", stream), KEYED);
      expect([again.status, await again.text()]).toEqual([200, text]);
      expect(cell.upstreamCalls).toHaveLength(1);
    },
  );

  it("says that its outcome is unknown where the store stays away, is charged, and asks no provider twice", async () => {
    cell.faults.tasks.putResult = away;
    expect(await told(await cell.ask(CHAT, chat("direct"), KEYED))).toEqual({ ...UNKNOWN });
    expect(cell.settled).toEqual([{ task: expect.any(String), status: "ERROR", ok: true }]);
    const again = await cell.ask(CHAT, chat("direct"), KEYED);
    expect([again.status, (await told(again)).code]).toEqual([410, "idempotency_result_expired"]);
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it("ends its stream with that, never with an error that nobody can name", async () => {
    cell.scripts.push(STREAM);
    cell.faults.tasks.putResult = away;
    const { text, broken } = await read(await cell.ask(CHAT, chat("direct", true), KEYED));
    expect([broken, lastFrame(text).error.code]).toEqual([true, "outcome_unknown"]);
    expect((await cell.ask(CHAT, chat("direct", true), KEYED)).status).toBe(410);
    expect(cell.upstreamCalls).toHaveLength(1);
    const [{ task } = { task: "" }] = cell.settled;
    expect(await cell.task(task)).toMatchObject({ error: { code: "outcome_unknown" }, usage: { tokens: { out: 3 } } });
  });
});

describe("an answer that is kept and cannot be read now", () => {
  it("is a 503 that says when to ask again, and then is the same answer", async () => {
    const first = await (await cell.ask(CHAT, chat("direct"), KEYED)).text();
    cell.faults.tasks.result = away;
    expect(await told(await cell.ask(CHAT, chat("direct"), KEYED))).toEqual(AWAY);
    delete cell.faults.tasks.result;
    expect(await (await cell.ask(CHAT, chat("direct"), KEYED)).text()).toBe(first);
  });

  const logOf = (source: UnderlyingDefaultSource<LogItem>) => async () => ok(new ReadableStream<LogItem>(source));
  const breaks = {
    "an error without a class, as a process boundary leaves it": logOf({
      pull: (controller) => controller.error(new Error("gone")),
    }),
    "an end of its bytes that is no end of its log": logOf({ pull: (controller) => controller.close() }),
  };

  /** The same key, once its run has ended: nothing is under way when the test is over. */
  const settledAnswer = () =>
    eventually(
      () => cell.ask(CHAT, chat("direct"), { ...DETACHED, ...KEYED }),
      ({ status }) => status === 200,
    );

  it.each(Object.entries(breaks))("because its log breaks off is one too: %s", async (_name, watchLog) => {
    cell.faults.tasks.watchLog = watchLog;
    expect(await told(await cell.ask(CHAT, chat("direct"), { ...DETACHED, ...KEYED }))).toEqual(AWAY);
    delete cell.faults.tasks.watchLog;
    await settledAnswer();
    expect(cell.upstreamCalls).toHaveLength(1);
  });

  it.each(Object.entries(breaks))("is never told as a task without a result: %s", async (_name, watchLog) => {
    const own = { authorization: `Bearer ${cell.client.apiKey}` };
    const first = await cell.ask(CHAT, chat("direct"), DETACHED);
    const path = `/v1/tasks/${taskOf(first)}`;
    const { choices } = (await first.json()) as { choices: unknown[] }; // safe because: it is a chat's answer
    cell.faults.tasks.watchLog = watchLog;
    expect(await told(await cell.ask(path, null, own))).toEqual(AWAY);
    delete cell.faults.tasks.watchLog;
    expect(await (await cell.ask(path, null, own)).json()).toMatchObject({ result: { choices } });
  });

  it("because too many read it is a 429 that says when to ask again", async () => {
    cell.faults.tasks.watchLog = async () => err({ reason: "too_many" });
    const refused = { status: 429, code: "overloaded", retryMs: "1000" };
    expect(await told(await cell.ask(CHAT, chat("direct"), { ...DETACHED, ...KEYED }))).toEqual(refused);
    delete cell.faults.tasks.watchLog;
    await settledAnswer();
  });
});
