import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CHAT, chat, DETACHED } from "../support/detached-asks.ts";
import { type DetachedCell, detachedCell } from "../support/detached-cell.ts";
import { whole } from "../support/engine-scripts.ts";

let cell: DetachedCell;
beforeEach(async () => {
  cell = await detachedCell(async (body) => whole(body));
});
afterEach(async () => {
  await cell.close();
  expect(cell.failures).toEqual([]);
});

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
