import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ok } from "../../shared/contracts/result.ts";
import { type ObjectsHome, objectsHome } from "../../test/support/objects-home.ts";
import type { EmbeddedHost } from "./embedded-host.ts";
import type { ObjectClass } from "./object-class.ts";
import { drainOutbox, enqueue, nextDelivery, OUTBOX_SCHEMA } from "./outbox.ts";
import type { CoreEnv, Sql } from "./sql.ts";

/** A receiver that can be told to fail, before or after it took the rows. */
const receiver = { got: [] as number[], batches: 0, fail: "no" as "no" | "before" | "after" };

const sender: ObjectClass = {
  name: "sender",
  migrations: [{ id: 1, sql: OUTBOX_SCHEMA }],
  nextDue: nextDelivery,
  effects: (object) =>
    drainOutbox(object, async (_source, rows) => {
      if (receiver.fail === "before") throw new Error("receiver is down");
      receiver.batches++;
      receiver.got.push(...rows.map(({ seq }) => seq));
      if (receiver.fail === "after") throw new Error("the answer was lost");
    }),
};
const send = (count: number) => (sql: Sql, env: CoreEnv) => {
  const at_ms = env.now as UnixMs; // safe because: the test's clock
  for (let event = 0; event < count; event++)
    enqueue(sql, { type: "bailiwick.test.v1", subject: "s", at_ms, data: {} });
  return ok(null);
};

let home: ObjectsHome;
let host: EmbeddedHost;
beforeEach(() => {
  Object.assign(receiver, { got: [], batches: 0, fail: "no" });
  home = objectsHome({ classes: [sender] });
  host = home.open();
});
afterEach(async () => {
  await host.close();
  home.remove();
});
const numbers = (upTo: number) => Array.from({ length: upTo }, (_, index) => index + 1);

describe("outbox delivery", () => {
  it("delivers everything in order, in batches, a moment after it was written", async () => {
    const total = 2 * LIMITS.outboxBatchMax + 5;
    await host.provision(sender, "a", send(total));
    await host.runDueAlarms();
    expect(receiver.got).toEqual([]);
    home.clock.advance(LIMITS.outboxDelayMs);
    await host.runDueAlarms();
    expect(receiver.got).toEqual(numbers(total));
    expect(receiver.batches).toBe(3);
    home.clock.advance(LIMITS.outboxRetryMsMax);
    await host.runDueAlarms();
    expect(receiver.batches).toBe(3);
  });

  it("delivers what a failed receiver did not get once it is back, over a restart too, so that no event is lost", async () => {
    receiver.fail = "before";
    await host.provision(sender, "a", send(3));
    home.clock.advance(LIMITS.outboxDelayMs);
    await host.runDueAlarms();
    expect(receiver.got).toEqual([]);
    expect(home.errors.map(String)).toContain("Error: receiver is down");
    await host.close();
    host = home.open();
    receiver.fail = "no";
    await host.runDueAlarms();
    expect(receiver.got).toEqual([]);
    home.clock.advance(LIMITS.outboxRetryMsMin);
    await host.runDueAlarms();
    expect(receiver.got).toEqual([1, 2, 3]);
  });

  it("repeats a delivery whose answer was lost under the same numbers, so that receivers can tell", async () => {
    receiver.fail = "after";
    await host.provision(sender, "a", send(2));
    home.clock.advance(LIMITS.outboxDelayMs);
    await host.runDueAlarms();
    receiver.fail = "no";
    await host.provision(sender, "a", send(1));
    home.clock.advance(LIMITS.outboxRetryMsMin);
    await host.runDueAlarms();
    expect(receiver.got).toEqual([1, 2, 1, 2, 3]);
  });
});
