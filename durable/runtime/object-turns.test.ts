import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ok } from "../../shared/contracts/result.ts";
import { type ObjectsHome, objectsHome } from "../../test/support/objects-home.ts";
import type { EmbeddedHost } from "./embedded-host.ts";
import type { ObjectClass } from "./object-class.ts";
import type { Sql } from "./sql.ts";

const counters: ObjectClass = {
  name: "counter",
  migrations: [{ id: 1, sql: ["CREATE TABLE n (k INTEGER PRIMARY KEY, v)"] }],
};
const add = (k: number) => (sql: Sql) => sql.run("INSERT INTO n VALUES (?, 'x')", k);

let home: ObjectsHome;
let host: EmbeddedHost;
beforeEach(() => {
  home = objectsHome({ classes: [counters] });
});
afterEach(async () => {
  await host.close();
  home.remove();
});

describe("many objects at once", { timeout: 60_000 }, () => {
  it("take turns with the sockets of the process, so that work that comes due in a crowd of tenants holds up no caller", async () => {
    host = home.open();
    const names = Array.from({ length: 6 }, (_, n) => `o${n}`);
    await Promise.all(names.map((name) => host.provision(counters, name, () => ok(null))));
    const happened: string[] = [];
    const long = (name: string) => (sql: Sql) => {
      const until = performance.now() + LIMITS.tickMsMax;
      while (performance.now() < until);
      add(1)(sql);
      happened.push(name);
    };
    const all = Promise.all(names.map((name) => host.call(counters, name, long(name))));
    for (let turn = 0; turn < names.length; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      happened.push("a turn of the event loop");
    }
    await all;
    const first = happened.indexOf("a turn of the event loop");
    expect(happened.slice(0, first).length).toBeLessThanOrEqual(2);
    expect(happened.filter((name) => names.includes(name))).toEqual(names);
  });

  it("are served before an object that had its turn, so that a tenant with a long queue keeps nobody else waiting behind it", async () => {
    host = home.open();
    await Promise.all(["busy", "quiet"].map((name) => host.provision(counters, name, () => ok(null))));
    let ran = 0;
    const slow = () => {
      const until = performance.now() + (2 * LIMITS.tickMsMax) / LIMITS.tickCallsMax;
      while (performance.now() < until);
      ran++;
    };
    const queued = Array.from({ length: 4 * LIMITS.tickCallsMax }, () => host.call(counters, "busy", slow));
    expect(await host.call(counters, "quiet", () => ran)).toBe(LIMITS.tickCallsMax);
    await Promise.all(queued);
  });
});
