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
