import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ok } from "../../shared/contracts/result.ts";
import { type ObjectsHome, objectsHome } from "../../test/support/objects-home.ts";
import type { EmbeddedHost } from "./embedded-host.ts";
import { type ObjectClass, ObjectUnavailable } from "./object-class.ts";
import type { Sql } from "./sql.ts";

const counters: ObjectClass = {
  name: "counter",
  migrations: [{ id: 1, sql: ["CREATE TABLE n (k INTEGER PRIMARY KEY, v)"] }],
};
const add = (k: number) => (sql: Sql) => sql.run("INSERT INTO n VALUES (?, 'x')", k);
const count = (sql: Sql) => sql.get<{ n: number }>("SELECT count(*) AS n FROM n")?.n;

let home: ObjectsHome;
let host: EmbeddedHost;
beforeEach(() => {
  home = objectsHome({ classes: [counters] });
});
afterEach(async () => {
  await host.close();
  home.remove();
});

describe("logs of a killed process", () => {
  const logs = (path: string) => readdirSync(join(path, "objects", "counter")).filter((name) => name.endsWith("-wal"));

  /** The home as `kill -9` leaves it, with the logs of three objects. */
  async function killed(): Promise<ObjectsHome> {
    host = home.open();
    for (const name of ["a", "B:c", "d"]) await host.provision(counters, name, (sql) => ok(add(1)(sql)));
    const left = objectsHome({ classes: [counters] });
    cpSync(join(home.path, "objects"), join(left.path, "objects"), { recursive: true });
    await host.close();
    return left;
  }

  it("are copied into their databases and removed, so that kills do not fill the disk with logs of objects nobody calls", async () => {
    const left = await killed();
    expect(logs(left.path)).toHaveLength(3);
    host = left.open();
    await host.recovered();
    expect(logs(left.path)).toEqual([]);
    for (const name of ["a", "B:c", "d"]) expect(await host.call(counters, name, count)).toBe(1);
    expect(left.errors).toEqual([]);
    left.remove();
  });

  it("leave objects alone that somebody uses, so that recovery closes no file under a caller", async () => {
    const left = await killed();
    host = left.open();
    await host.call(counters, "a", add(2));
    await host.recovered();
    expect(logs(left.path)).toEqual(["a.sqlite-wal"]);
    expect(await host.call(counters, "a", count)).toBe(2);
    left.remove();
  });

  it("that cannot be recovered are told of and hold up no other, so that one damaged file keeps no disk full", async () => {
    const left = await killed();
    const broken = join(left.path, "objects", "counter", "a.sqlite");
    writeFileSync(broken, "no database, and longer than the header of one ".repeat(200));
    writeFileSync(`${broken}-wal`, "no log");
    host = left.open();
    await host.recovered();
    expect(logs(left.path).filter((name) => !name.startsWith("a."))).toEqual([]);
    expect(left.errors).toEqual([expect.any(ObjectUnavailable)]);
    left.remove();
  });

  it("are left for the next start when the host closes, so that a drain does not wait for thousands of them", async () => {
    const left = await killed();
    host = left.open();
    await host.close();
    expect(logs(left.path)).toHaveLength(3);
    host = left.open();
    await host.recovered();
    expect(logs(left.path)).toEqual([]);
    left.remove();
  });
});
