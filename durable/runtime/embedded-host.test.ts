import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err, ok } from "../../shared/contracts/result.ts";
import { type ObjectsHome, objectsHome } from "../../test/support/objects-home.ts";
import type { EmbeddedHost } from "./embedded-host.ts";
import { HomeLocked } from "./home-lock.ts";
import { type HostFiles, hostFiles, type SyncFile } from "./host-files.ts";
import { dropEverything } from "./migrate.ts";
import { type ObjectClass, ObjectOverloaded, ObjectUnavailable } from "./object-class.ts";
import type { Sql } from "./sql.ts";

const counters: ObjectClass = {
  name: "counter",
  migrations: [{ id: 1, sql: ["CREATE TABLE n (k INTEGER PRIMARY KEY, v)"] }],
};
const add = (k: number) => (sql: Sql) => sql.run("INSERT INTO n VALUES (?, 'x')", k);
const count = (sql: Sql) => sql.get<{ n: number }>("SELECT count(*) AS n FROM n")?.n;

/** Files whose syncs are counted, and held back or failed on demand. */
function watchedFiles() {
  const watch = { logSyncs: 0, fail: false, held: null as Promise<void> | null };
  const files: HostFiles = {
    ...hostFiles,
    open(path): SyncFile {
      const file = hostFiles.open(path);
      if (!path.includes("objects") || !path.endsWith("-wal")) return file;
      return {
        ...file,
        async sync() {
          watch.logSyncs++;
          await watch.held;
          if (watch.fail) throw new Error("EIO");
          return file.sync();
        },
      };
    },
  };
  return { watch, files };
}

let home: ObjectsHome;
let host: EmbeddedHost;
beforeEach(() => {
  home = objectsHome({ classes: [counters] });
});
afterEach(async () => {
  await host.close();
  home.remove();
});

describe("group commit", { timeout: 60_000 }, () => {
  it("shares one sync among all calls of a tick, so that durability costs one disk write and not one each", async () => {
    const { watch, files } = watchedFiles();
    host = home.open({ files });
    await host.provision(counters, "a", () => ok(null));
    const before = watch.logSyncs;
    await Promise.all(Array.from({ length: 200 }, (_, k) => host.call(counters, "a", add(k))));
    expect(watch.logSyncs - before).toBe(1);
    expect(await host.call(counters, "a", count)).toBe(200);
  });

  it("holds every answer, reads too, until what it saw is on disk, so that nobody acts on a write that may vanish", async () => {
    const { watch, files } = watchedFiles();
    host = home.open({ files });
    await host.provision(counters, "a", () => ok(null));
    const gate = Promise.withResolvers<void>();
    watch.held = gate.promise;
    const order: string[] = [];
    const write = host.call(counters, "a", add(1)).then(() => order.push("write"));
    // The next tick's read runs while the sync of the write is held.
    const started = Promise.withResolvers<void>();
    setImmediate(started.resolve);
    await started.promise;
    const read = host.call(counters, "a", count).then((n) => order.push(`read ${n}`));
    const turn = Promise.withResolvers<void>();
    setImmediate(() => setImmediate(turn.resolve));
    await turn.promise;
    order.push("released");
    gate.resolve();
    await Promise.all([write, read]);
    expect(order).toEqual(["released", "write", "read 1"]);
  });

  it("does not sync for ticks that only read", async () => {
    const { watch, files } = watchedFiles();
    host = home.open({ files });
    await host.provision(counters, "a", () => ok(null));
    const before = watch.logSyncs;
    for (let read = 0; read < 20; read++) await host.call(counters, "a", count);
    expect(watch.logSyncs).toBe(before);
  });

  it("undoes only the call that throws, and gives it its own error", async () => {
    host = home.open();
    await host.provision(counters, "a", () => ok(null));
    const calls = await Promise.allSettled([
      host.call(counters, "a", add(1)),
      host.call(counters, "a", (sql) => {
        add(2)(sql);
        throw new TypeError("mine");
      }),
      host.call(counters, "a", add(3)),
    ]);
    expect(calls.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(calls[1]).toMatchObject({ reason: { message: "mine" } });
    expect(await host.call(counters, "a", count)).toBe(2);
  });

  it("undoes what an inner step of one call undoes, and keeps that call and all others of its tick", async () => {
    host = home.open();
    await host.provision(counters, "a", () => ok(null));
    const refused = (sql: Sql) => sql.transaction(() => err(sql.run("INSERT INTO n VALUES (10, 'x')"))).ok;
    const swallowed = (sql: Sql) => {
      try {
        sql.transaction(() => {
          sql.run("INSERT INTO n VALUES (20, 'x')");
          throw new Error("swallowed");
        });
      } catch {
        return sql.change("INSERT INTO n VALUES (3, 'x')");
      }
    };
    const answers = await Promise.all([
      host.call(counters, "a", (sql) => sql.change("INSERT INTO n VALUES (1, 'x')")),
      host.call(counters, "a", (sql) => [sql.change("INSERT INTO n VALUES (2, 'x')"), refused(sql)]),
      host.call(counters, "a", swallowed),
      host.call(counters, "a", (sql) => sql.change("INSERT INTO n VALUES (4, 'x')")),
    ]);
    expect(answers).toEqual([1, [1, false], 1, 1]);
    expect(await host.call(counters, "a", (sql) => sql.all("SELECT k FROM n").map(({ k }) => k))).toEqual([1, 2, 3, 4]);
  });

  it("provisions and refuses within one tick, so that a refused object and its neighbours' calls keep apart", async () => {
    host = home.open();
    const outcomes = await Promise.all([
      host.provision(counters, "a", (sql) => err(sql.run("INSERT INTO n VALUES (1, 'x')"))),
      host.call(counters, "a", count),
      host.provision(counters, "a", (sql) => ok(sql.change("INSERT INTO n VALUES (2, 'x')"))),
      host.call(counters, "a", count),
    ]);
    expect(outcomes).toEqual([err(undefined), undefined, ok(1), 1]);
  });

  it("rejects everything of a tick whose sync fails and reads the object from disk again", async () => {
    const { watch, files } = watchedFiles();
    host = home.open({ files });
    await host.provision(counters, "a", () => ok(null));
    watch.fail = true;
    const failed = await Promise.allSettled([host.call(counters, "a", add(1)), host.call(counters, "a", count)]);
    watch.fail = false;
    for (const call of failed)
      expect(call).toMatchObject({ status: "rejected", reason: expect.any(ObjectUnavailable) });
    expect(home.errors).toHaveLength(1);
    // Whether the write survived is unknown, but what is read now is on disk.
    const seen = await host.call(counters, "a", count);
    await host.close();
    host = home.open();
    expect(await host.call(counters, "a", count)).toBe(seen);
  });

  it("rejects everything of a tick whose transaction SQLite gave up, and keeps nothing of it", async () => {
    host = home.open();
    await host.provision(counters, "a", (sql) => ok(add(0)(sql)));
    const failed = await Promise.allSettled([
      host.call(counters, "a", add(1)),
      host.call(counters, "a", (sql) => sql.run("ROLLBACK")),
      host.call(counters, "a", add(2)),
    ]);
    for (const call of failed) expect(call.status).toBe("rejected");
    expect(await host.call(counters, "a", count)).toBe(1);
  });

  it("keeps every acknowledged write while syncs fail at random, and never stands still", async () => {
    let seed = 7;
    const chance = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    let failing = true;
    const files: HostFiles = {
      ...hostFiles,
      open(path) {
        const file = hostFiles.open(path);
        return {
          ...file,
          async sync() {
            if (failing && chance() < 0.2) throw new Error("EIO");
            return file.sync();
          },
        };
      },
    };
    host = home.open({ files, classes: [counters] });
    const acknowledged: [string, number][] = [];
    let next = 0;
    async function write(): Promise<void> {
      for (let attempt = 0; attempt < 30; attempt++) {
        const k = next++;
        const name = `o${k % 5}`;
        try {
          await host.provision(counters, name, (sql) => ok(add(k)(sql)));
          acknowledged.push([name, k]);
        } catch (cause) {
          expect(cause).toBeInstanceOf(ObjectUnavailable);
        }
      }
    }
    await Promise.all(Array.from({ length: 10 }, write));
    failing = false;
    expect(acknowledged.length).toBeGreaterThan(50);
    expect(home.errors.length).toBeGreaterThan(5);
    await host.close();
    host = home.open();
    for (const [name, k] of acknowledged) {
      const found = await host.call(counters, name, (sql) => sql.get("SELECT k FROM n WHERE k = ?", k) !== undefined);
      expect([name, k, found]).toEqual([name, k, true]);
    }
  });

  it("serves 64 objects at once, each its own writer", async () => {
    host = home.open();
    const names = Array.from({ length: 64 }, (_, index) => `t${index}`);
    await Promise.all(names.map((name) => host.provision(counters, name, () => ok(null))));
    for (let round = 0; round < 3; round++) {
      await Promise.all(names.map((name) => host.call(counters, name, add(round))));
    }
    const counts = await Promise.all(names.map((name) => host.call(counters, name, count)));
    expect(counts).toEqual(names.map(() => 3));
  });

  it("bounds the log by copying it into the database, without losing a row", async () => {
    host = home.open();
    await host.provision(counters, "a", () => ok(null));
    const bytes = 64 * 1024;
    const rounds = Math.ceil((3 * LIMITS.walBytesMax) / bytes);
    for (let k = 0; k < rounds; k++) {
      await host.call(counters, "a", (sql) => sql.run("INSERT INTO n VALUES (?, ?)", k, new Uint8Array(bytes)));
    }
    const log = statSync(join(home.path, "objects", "counter", "a.sqlite-wal"));
    expect(log.size).toBeLessThan(2 * LIMITS.walBytesMax);
    expect(await host.call(counters, "a", count)).toBe(rounds);
  });
});

describe("objects that are not there", () => {
  it("writes nothing for a call to an object that was never provisioned, so that guessed names cost no disk", async () => {
    host = home.open();
    expect(await host.call(counters, "guess", add(1))).toBeUndefined();
    expect(existsSync(join(home.path, "objects"))).toBe(false);
  });

  it("leaves no file behind a refused provisioning", async () => {
    host = home.open();
    expect(await host.provision(counters, "a", () => err("no"))).toEqual(err("no"));
    expect(await host.call(counters, "a", count)).toBeUndefined();
    await host.close();
    expect(readdirSync(join(home.path, "objects", "counter"))).toEqual([]);
  });

  it("gives the files of a destroyed object back, and lets it be provisioned anew", async () => {
    host = home.open();
    await host.provision(counters, "a", (sql) => ok(add(1)(sql)));
    await host.call(counters, "a", dropEverything);
    expect(await host.call(counters, "a", count)).toBeUndefined();
    await host.provision(counters, "a", (sql) => ok(add(7)(sql)));
    expect(await host.call(counters, "a", count)).toBe(1);
    await host.call(counters, "a", dropEverything);
    await host.close();
    expect(readdirSync(join(home.path, "objects", "counter"))).toEqual([]);
  });

  it("keeps names apart that differ in case only, and refuses names that are no file names", async () => {
    host = home.open();
    await host.provision(counters, "Ab:c", (sql) => ok(add(1)(sql)));
    expect(await host.call(counters, "ab:c", count)).toBeUndefined();
    expect(readdirSync(join(home.path, "objects", "counter")).filter((name) => /[A-Z:]/.test(name))).toEqual([]);
    for (const name of ["", "../x", "a/b", "a.b", "a b", "ä", "x".repeat(97)]) {
      await expect(host.call(counters, name, count)).rejects.toThrow(RangeError);
    }
  });
});

describe("bounds", { timeout: 60_000 }, () => {
  it("refuses calls beyond the queue's bound instead of growing without end, and goes on", async () => {
    host = home.open();
    await host.provision(counters, "a", () => ok(null));
    const calls = await Promise.allSettled(
      Array.from({ length: LIMITS.tenantQueueMax + 5 }, (_, k) => host.call(counters, "a", add(k))),
    );
    const refused = calls.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(5);
    for (const call of refused) expect(call).toMatchObject({ reason: expect.any(ObjectOverloaded) });
    expect(await host.call(counters, "a", count)).toBe(LIMITS.tenantQueueMax);
  });

  it("closes the objects used longest ago and still answers for all, so that open files stay bounded", async () => {
    const openObjectsMax = 6;
    host = home.open({ openObjectsMax });
    const names = Array.from({ length: 30 }, (_, index) => `o${index}`);
    await Promise.all(names.map((name) => host.provision(counters, name, (sql) => ok(add(1)(sql)))));
    const open = () =>
      readdirSync(join(home.path, "objects", "counter")).filter((name) => name.endsWith("-wal")).length;
    // Each look opens one object at most, and gives the host its turn to close others.
    const look = async () => ((await host.call(counters, "o0", count)) === 1 ? open() : null);
    await expect.poll(look).toBeLessThanOrEqual(openObjectsMax + 1);
    const counts = await Promise.all(names.map((name) => host.call(counters, name, count)));
    expect(counts).toEqual(names.map(() => 1));
  });

  it("gives a closed log's blocks back beside the event loop, so that one tenant's file holds up no other tenant", async () => {
    const gate = Promise.withResolvers<void>();
    let closing = false;
    const files: HostFiles = {
      ...hostFiles,
      open(path): SyncFile {
        const file = hostFiles.open(path);
        if (!path.endsWith("a.sqlite-wal")) return file;
        return {
          ...file,
          async close() {
            closing = true;
            await gate.promise;
            return file.close();
          },
        };
      },
    };
    host = home.open({ files, openObjectsMax: 1 });
    await host.provision(counters, "a", () => ok(null));
    await host.provision(counters, "b", () => ok(null));
    const other = async () => ((await host.call(counters, "b", count)) === 0 ? closing : null);
    await expect.poll(other).toBe(true);
    let answered = false;
    const own = host.call(counters, "a", count).then((n) => {
      answered = true;
      return n;
    });
    expect(await host.call(counters, "b", add(1))).toBeUndefined();
    expect(answered).toBe(false);
    gate.resolve();
    expect(await own).toBe(0);
  });
});

describe("the home directory", () => {
  it("refuses a second host, so that no two processes write one object", async () => {
    host = home.open();
    expect(() => home.open()).toThrow(HomeLocked);
    await host.close();
    host = home.open();
  });

  it("answers waiting calls before it closes, and refuses new ones", async () => {
    host = home.open();
    await host.provision(counters, "a", () => ok(null));
    const waiting = Array.from({ length: 50 }, (_, k) => host.call(counters, "a", add(k)));
    const closed = host.close();
    await expect(host.call(counters, "a", count)).rejects.toThrow(ObjectUnavailable);
    expect(await Promise.all(waiting)).toHaveLength(50);
    await closed;
    expect(readdirSync(join(home.path, "objects", "counter"))).toEqual(["a.sqlite"]);
    host = home.open();
    expect(await host.call(counters, "a", count)).toBe(50);
  });

  it("refuses a database that newer code wrote and leaves it as it is", async () => {
    const newer: ObjectClass = { ...counters, migrations: [...counters.migrations, { id: 2, sql: [] }] };
    host = home.open({ classes: [newer] });
    await host.provision(newer, "a", (sql) => ok(add(1)(sql)));
    await host.close();
    host = home.open();
    await expect(host.call(counters, "a", count)).rejects.toThrow(ObjectUnavailable);
    await host.close();
    host = home.open({ classes: [newer] });
    expect(await host.call(newer, "a", count)).toBe(1);
  });
});
