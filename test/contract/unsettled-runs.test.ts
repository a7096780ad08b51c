import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TaskId } from "../../shared/contracts/ids.ts";
import { CHAT, chat, DETACHED, lastFrame, queued, read, taken } from "../support/detached-asks.ts";
import { events, fed, TAIL, WORDS } from "../support/engine-scripts.ts";
import { eventually } from "../support/lab.ts";
import { type ScriptedDetachedCell, scriptedDetachedCell } from "../support/scripted-detached-cell.ts";

let cell: ScriptedDetachedCell;
beforeEach(async () => {
  cell = await scriptedDetachedCell();
});
afterEach(() => cell.close());

describe("a task whose object's answer to being left to its run is lost", () => {
  it("is left to that run alone, so that no repeated key asks the provider again", async () => {
    const { detach } = cell.deps.tasks;
    let lost = 0;
    cell.faults.tasks.detach = async (...args) => {
      await detach(...args);
      if (lost++ === 0) throw new Error("the answer is gone");
    };
    const keyed = { ...DETACHED, "idempotency-key": '"left-1"' };
    const first = await cell.ask(CHAT, chat("direct"), keyed);
    expect(first.status).toBe(200);
    const again = await cell.ask(CHAT, chat("direct"), keyed);
    expect(await again.text()).toBe(await first.text());
    expect(cell.upstreamCalls).toHaveLength(1);
    expect(cell.settled.filter(({ ok }) => ok)).toEqual([expect.objectContaining({ status: "OK" })]);
  });

  it("is settled by nobody here while no answer comes at all: it may be running", async () => {
    cell.faults.tasks.detach = () => Promise.reject(new Error("no answer"));
    const response = await cell.ask(CHAT, chat("direct"), DETACHED);
    expect(response.status).toBe(410);
    expect(await response.json()).toMatchObject({ error: { code: "outcome_unknown" } });
    expect(cell.settled).toEqual([]);
  });
});

describe("a task of a tenant that is on its way between cells", () => {
  it.each(["frozen", "left", "arrived", null] as const)(
    "is not begun, ended or logged as a failure (%s), and is carried out where the tenant lives",
    async (phase) => {
      const { task, answer } = await queued(cell, false);
      const { lookup } = cell.deps.tenants;
      cell.faults.tenants.lookup = async (...asked) => {
        const found = await lookup(...asked);
        if (!found.ok || phase === null) return { ok: false, error: { reason: "unknown_tenant" } };
        const { state, key } = found.value;
        const data_key = phase === "left" ? "" : state.data_key;
        return {
          ok: true,
          value: { key, state: { ...state, data_key, suspended: true, move: { phase, to: "other" } } },
        };
      };
      expect(await cell.take(task)).toEqual({ ok: false, error: { reason: "not_found" } });
      const held = await cell.deps.tasks.detached(cell.tenant, task);
      expect(held).toMatchObject({ value: { phase: "queued", attempts: 0, end: null } });
      expect([cell.upstreamCalls, cell.settled, cell.logged.filter((line) => line.includes("task.run"))]).toEqual([
        [],
        [],
        [],
      ]);
      delete cell.faults.tenants.lookup;
      expect(await (await taken(cell, task)).over).toBe("done");
      expect((await answer).status).toBe(200);
      expect(cell.upstreamCalls).toHaveLength(1);
    },
  );
});

describe("a task that a worker asks for while its tenant's store is away", () => {
  it("is left to the next one at once, with no attempt counted, so that no outage makes it one that was begun too often", async () => {
    const { task, answer } = await queued(cell, false);
    cell.faults.tenants.lookup = () => Promise.reject(new Error("the store is gone"));
    await expect(cell.take(task)).rejects.toThrow();
    expect(await cell.deps.tasks.detached(cell.tenant, task)).toMatchObject({
      value: { phase: "queued", attempts: 0, end: null },
    });
    delete cell.faults.tenants.lookup;
    expect(await (await taken(cell, task)).over).toBe("done");
    expect((await answer).status).toBe(200);
  });
});

describe("a provider's task whose tenant's store is away when its run begins", () => {
  it("is begun again, because nothing of it was done", async () => {
    const { lookup } = cell.deps.tenants;
    let failed = 0;
    cell.faults.tenants.lookup = async (tenant, kid) => {
      if (kid !== null || failed++ > 0) return lookup(tenant, kid);
      throw Object.assign(new Error("the store is gone"), { name: "ObjectUnavailable" });
    };
    const response = await cell.ask(CHAT, chat("direct"), DETACHED);
    expect([response.status, failed > 1]).toEqual([200, true]);
  });
});

describe("a provider's run whose settlement did not get through", () => {
  it("is not done again, so that nobody is billed twice for one task", async () => {
    cell.faults.tenants.settle = async () => {
      // Once: what follows reaches the store again.
      delete cell.faults.tenants.settle;
      throw new Error("the store is gone");
    };
    const response = await cell.ask(CHAT, chat("direct"), DETACHED);
    await response.text();
    expect(response.status).toBe(410);
    expect(cell.upstreamCalls).toHaveLength(1);
  });
});

describe("a streamed run whose settlement does not get through", () => {
  /** The store does what it is told, or not, and says nothing; once: what follows reaches it. */
  const settlingFails = (does: "nothing" | "all") => {
    const { settle } = cell.deps.tenants;
    cell.faults.tenants.settle = async (...args) => {
      delete cell.faults.tenants.settle;
      if (does === "all") await settle(...args);
      throw new Error("the store is gone");
    };
  };
  /** An engine's words, and its end once they are shown. */
  const says = async (engine: ReturnType<typeof fed>, task: TaskId) => {
    await engine.asked;
    for (const [at, said] of WORDS.entries()) {
      engine.say(said);
      await eventually(
        () => cell.log(task),
        ({ frames }) => frames > at,
      );
    }
    engine.say(TAIL.join(""));
    engine.end();
  };

  it.each(["appendLog", "settle"])(
    "shows no error before somebody settled one, so that its worker goes on and the answer is whole: %s",
    async (gone) => {
      const engine = fed();
      cell.scripts.push(engine.script, events([...WORDS, ...TAIL]));
      settlingFails("nothing");
      const { appendLog } = cell.deps.tasks;
      if (gone === "appendLog")
        cell.faults.tasks.appendLog = async (...args) => {
          const [, , , part] = args;
          if (!part.unseen) return appendLog(...args);
          delete cell.faults.tasks.appendLog;
          throw new Error("the store is gone");
        };
      const { answer, task } = await queued(cell, true);
      const first = await taken(cell, task);
      await says(engine, task);
      expect(await first.over).toBe("lost");
      expect(cell.settled).toEqual([]);
      expect(await cell.log(task)).toMatchObject({ end: null });
      const second = await taken(cell, task, { held: true });
      const { text, broken } = await read(await answer);
      expect(await second.over).toBe("done");
      expect([broken, text.includes('"error"'), text.endsWith("data: [DONE]\n\n")]).toEqual([false, false, true]);
      expect([...text.matchAll(/"content":"(\w+) "/g)].map(([, content]) => content)).toEqual(["one", "two", "three"]);
      expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
    },
  );

  it("is ended as it was settled where only the answer to that was lost, and its worker is not asked again", async () => {
    const engine = fed();
    cell.scripts.push(engine.script);
    settlingFails("all");
    const { answer, task } = await queued(cell, true);
    const first = await taken(cell, task);
    await says(engine, task);
    expect(await first.over).toBe("lost");
    await eventually(
      () => cell.take(task),
      (taken) => !taken.ok && taken.error.reason === "finished",
    );
    const { text, broken } = await read(await answer);
    expect([broken, text.endsWith("data: [DONE]\n\n")]).toEqual([false, true]);
    expect(cell.settled).toEqual([{ task, status: "OK", ok: true }]);
    expect(await cell.log(task)).toMatchObject({ end: "complete" });
  });

  it("of a provider is not done again, and says that its outcome is unknown", async () => {
    const engine = fed();
    cell.scripts.push(engine.script);
    settlingFails("nothing");
    const asked = cell.ask(CHAT, chat("direct", true), DETACHED);
    await engine.asked;
    engine.say(WORDS[0] ?? "");
    const response = await asked;
    engine.say(TAIL.join(""));
    engine.end();
    const { text, broken } = await read(response);
    expect(broken).toBe(true);
    expect(lastFrame(text)).toMatchObject({ error: { code: "outcome_unknown" } });
    expect(cell.upstreamCalls).toHaveLength(1);
    expect(cell.settled).toEqual([]);
  });
});
