import { readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ok } from "../../shared/contracts/result.ts";
import { type ObjectsHome, objectsHome } from "../../test/support/objects-home.ts";
import type { EmbeddedHost } from "./embedded-host.ts";
import { type HostFiles, hostFiles } from "./host-files.ts";
import { dropEverything } from "./migrate.ts";
import { type ObjectClass, ObjectUnavailable } from "./object-class.ts";
import type { CoreEnv, Sql } from "./sql.ts";
import { clearTimer, dueTimers, nextTimer, setTimer, TIMERS_SCHEMA } from "./timers.ts";

const swept = { fails: false, woken: [] as string[] };
const notes: ObjectClass = {
  name: "note",
  migrations: [
    {
      id: 1,
      sql: [
        ...TIMERS_SCHEMA,
        "CREATE TABLE n (k INTEGER PRIMARY KEY, v)",
        "CREATE TABLE part (k INTEGER REFERENCES n (k) DEFERRABLE INITIALLY DEFERRED)",
      ],
    },
  ],
  nextDue: nextTimer,
  sweep(sql, env) {
    if (swept.fails) throw new Error("sweep is broken");
    for (const { kind, key } of dueTimers(sql, env.now, 10)) {
      clearTimer(sql, kind, key);
      sql.run("INSERT INTO n (v) VALUES (?)", `woken for ${key}`);
    }
    return false;
  },
  async effects({ name }) {
    swept.woken.push(name);
  },
};
const add = (k: number) => (sql: Sql) => sql.run("INSERT INTO n VALUES (?, 'x')", k);
const keys = (sql: Sql) => sql.all<{ k: number }>("SELECT k FROM n ORDER BY k").map(({ k }) => k);
const wake = (key: string, afterMs: number) => (sql: Sql, env: CoreEnv) =>
  setTimer(sql, { kind: "wake", key, due_ms: env.now + afterMs });

/** What was synced, by the path's end, in order; a sync of a path that `fails` names is refused. */
const disk = { synced: [] as string[], fails: null as string | null };
const files: HostFiles = {
  ...hostFiles,
  open(path) {
    const file = hostFiles.open(path);
    return {
      ...file,
      async sync() {
        if (disk.fails !== null && path.endsWith(disk.fails)) throw new Error("EIO");
        await file.sync();
        disk.synced.push(path.slice(home.path.length + 1));
      },
    };
  },
  async syncFolder(path) {
    await hostFiles.syncFolder(path);
    disk.synced.push(`${path.slice(home.path.length + 1)}/`);
  },
};

let home: ObjectsHome;
let host: EmbeddedHost;
const LOG = join("objects", "note", "a.sqlite-wal");
beforeEach(() => {
  home = objectsHome({ classes: [notes] });
  Object.assign(disk, { synced: [], fails: null });
  Object.assign(swept, { fails: false, woken: [] });
  host = home.open({ files });
});
afterEach(async () => {
  disk.fails = null;
  await host.close();
  home.remove();
});

describe("an answer of an embedded object", { timeout: 60_000 }, () => {
  it("to the first call comes when the file and every new folder above it are on disk, so that a power cut loses no whole object", async () => {
    await host.provision(notes, "a", () => ok(null));
    expect(new Set(disk.synced)).toEqual(
      new Set([LOG, join("objects", "note", "a.sqlite"), "objects/note/", "objects/", "/"]),
    );
    disk.synced = [];
    await host.call(notes, "a", add(1));
    expect(disk.synced).toEqual([LOG]);
  });

  it("comes after a sync of whatever wrote: a statement that answers rows, a table made or dropped", async () => {
    await host.provision(notes, "a", () => ok(null));
    const writes: ((sql: Sql) => unknown)[] = [
      (sql) => sql.get("INSERT INTO n VALUES (1, 'x') RETURNING k"),
      (sql) => sql.all("DELETE FROM n RETURNING k"),
      (sql) => sql.run("CREATE TABLE more (k)"),
      (sql) => sql.run("DROP TABLE more"),
      dropEverything,
    ];
    for (const write of writes) {
      disk.synced = [];
      await host.call(notes, "a", (sql) => void write(sql));
      expect([write.toString(), disk.synced[0]]).toEqual([write.toString(), LOG]);
    }
  });

  it("is refused to all calls of a tick that cannot be committed, and nothing of them is kept", async () => {
    await host.provision(notes, "a", (sql) => ok(add(1)(sql)));
    const refused = await Promise.allSettled([
      host.call(notes, "a", add(2)),
      host.call(notes, "a", (sql) => sql.run("INSERT INTO part VALUES (99)")),
    ]);
    for (const call of refused)
      expect(call).toMatchObject({ status: "rejected", reason: expect.any(ObjectUnavailable) });
    expect(home.errors).toHaveLength(1);
    expect(await host.call(notes, "a", keys)).toEqual([1]);
  });

  it("about an alarm that could not be noted is a refusal, and nothing of the call is kept, so that no work is promised that nobody wakes", async () => {
    await host.provision(notes, "a", () => ok(null));
    disk.fails = "alarms.sqlite-wal";
    const refused = host.call(notes, "a", (sql, env) => {
      add(1)(sql);
      wake("first", 1_000)(sql, env);
    });
    await expect(refused).rejects.toThrow(ObjectUnavailable);
    disk.fails = null;
    expect(await host.call(notes, "a", (sql) => [keys(sql), nextTimer(sql)])).toEqual([[], null]);
    await host.call(notes, "a", wake("second", 2_000));
    home.clock.advance(2_000);
    await host.runDueAlarms();
    expect(await host.call(notes, "a", (sql) => sql.all("SELECT v FROM n").map(({ v }) => v))).toEqual([
      "woken for second",
    ]);
  });

  it("that cannot be given tells why, so that an operator finds the disk behind it", async () => {
    await host.provision(notes, "a", () => ok(null));
    disk.fails = "a.sqlite-wal";
    const refused = host.call(notes, "a", add(1));
    await expect(refused).rejects.toMatchObject({ name: "ObjectUnavailable", cause: { message: "EIO" } });
  });

  it("comes to each of a crowd, however many ticks that takes", async () => {
    await host.provision(notes, "a", () => ok(null));
    const crowd = Array.from({ length: 2 * LIMITS.tickCallsMax + 1 }, (_, n) => host.call(notes, "a", add(n)));
    await Promise.all(crowd);
    expect(await host.call(notes, "a", keys)).toHaveLength(crowd.length);
  });

  it("in a crowd waits for the alarm that a call before it set, and is neither lost nor kept with it when that fails", async () => {
    await host.provision(notes, "a", () => ok(null));
    const crowd = (from: number) => {
      const first = host.call(notes, "a", wake(`${from}`, 1_000 * (10 - from / 1_000)));
      const others = Array.from({ length: LIMITS.tickCallsMax + 40 }, (_, n) => host.call(notes, "a", add(from + n)));
      return Promise.allSettled([first, ...others]).then((all) => all.slice(1).map(({ status }) => status));
    };
    expect(new Set(await crowd(1_000))).toEqual(new Set(["fulfilled"]));
    disk.fails = "alarms.sqlite-wal";
    const told = await crowd(2_000);
    const written = told.flatMap((status, n) => (status === "fulfilled" ? [2_000 + n] : []));
    expect([told[0], told.at(-1), written.length]).toEqual(["rejected", "fulfilled", 41]);
    disk.fails = null;
    expect((await host.call(notes, "a", keys))?.filter((k) => k >= 2_000)).toEqual(written);
  });

  it("costs one sync while an alarm waits that is not earlier than before", async () => {
    await host.provision(notes, "a", (sql, env) => ok(wake("a", 60_000)(sql, env)));
    disk.synced = [];
    await host.call(notes, "a", add(1));
    await host.call(notes, "a", wake("b", 70_000));
    expect(disk.synced).toEqual([LOG, LOG]);
  });

  it("to a read comes when the new schema that it met is on disk too", async () => {
    await host.provision(notes, "a", (sql) => ok(add(1)(sql)));
    await host.close();
    const more = { id: 2, sql: ["CREATE TABLE more (k)"] };
    const grown: ObjectClass = { ...notes, migrations: [...notes.migrations, more] };
    host = home.open({ files, classes: [grown] });
    disk.synced = [];
    expect(await host.call(grown, "a", keys)).toEqual([1]);
    expect(disk.synced).toContain(LOG);
  });

  it("that promises work wakes the object for it without a further call, and an earlier promise before a later one", async () => {
    await host.provision(notes, "a", (sql, env) => ok(wake("late", 3_600_000)(sql, env)));
    await host.call(notes, "a", wake("early", 20));
    home.clock.advance(20);
    await expect.poll(() => swept.woken, { timeout: 20_000 }).toEqual(["a"]);
  });

  it("is given although work that was late failed, and the failure is told, so that one broken row locks nobody out", async () => {
    await host.provision(notes, "a", (sql, env) => ok(wake("a", 1_000)(sql, env)));
    home.clock.advance(1_000);
    swept.fails = true;
    expect(await host.call(notes, "a", keys)).toEqual([]);
    expect(home.errors.map(String)).toContain("Error: sweep is broken");
  });
});

describe("a log that cannot be copied into its database", { timeout: 60_000 }, () => {
  it("while the object is used is told, and the object goes on from what is on disk without losing an answer", async () => {
    await host.provision(notes, "a", () => ok(null));
    disk.fails = join("note", "a.sqlite");
    const acknowledged: number[] = [];
    for (let k = 0; k < 24; k++) {
      const written = host.call(notes, "a", (sql) =>
        sql.run("INSERT INTO n VALUES (?, ?)", k, new Uint8Array(512 * 1_024)),
      );
      await written.then(
        () => acknowledged.push(k),
        () => undefined,
      );
    }
    expect(home.errors.map(String)).toContain("Error: EIO");
    disk.fails = null;
    const kept = await host.call(notes, "a", keys);
    expect(acknowledged.length).toBeGreaterThan(15);
    expect(acknowledged.filter((k) => !kept?.includes(k))).toEqual([]);
  });

  it("while it is closed to make room is told, and the next caller finds all that was answered", async () => {
    await host.close();
    host = home.open({ files, openObjectsMax: 1 });
    await host.provision(notes, "a", (sql) => ok(add(1)(sql)));
    disk.fails = join("note", "a.sqlite");
    const look = async () => {
      await host.provision(notes, "b", () => ok(null));
      return home.errors.map(String);
    };
    await expect.poll(look).toContain("Error: EIO");
    disk.fails = null;
    expect(await host.call(notes, "a", keys)).toEqual([1]);
  });
});

it("an alarm of an object whose file is gone is looked at once, and not for ever", { timeout: 60_000 }, async () => {
  await host.provision(notes, "a", (sql, env) => ok(wake("a", 1_000)(sql, env)));
  await host.close();
  rmSync(join(home.path, "objects", "note", "a.sqlite"));
  host = home.open({ files });
  expect(host.expected(notes, 2_000, 10)).toEqual(["a"]);
  home.clock.advance(2_000);
  for (let n = 0; n < 3; n++) await host.runDueAlarms();
  expect([host.expected(notes, 0, 10), swept.woken]).toEqual([[], ["a"]]);
});

describe("what a call erased", { timeout: 60_000 }, () => {
  const SECRET = "the-erased-secret-of-a-subject";
  const erase = (sql: Sql) => {
    sql.run("DELETE FROM n");
    sql.erased();
  };
  const write = (sql: Sql) => {
    for (let k = 0; k < 50; k++) sql.run("INSERT INTO n (v) VALUES (?)", `${SECRET}-${k}`);
  };
  const inFile = (path: string) => readFileSync(join(home.path, path)).includes(SECRET);

  it("is in no file once the call is answered, and every tick after it costs no more than one sync again", async () => {
    await host.provision(notes, "a", (sql) => ok(write(sql)));
    expect(inFile(LOG)).toBe(true);
    await host.call(notes, "a", erase);
    expect([inFile(LOG), inFile(join("objects", "note", "a.sqlite")), statSync(join(home.path, LOG)).size]).toEqual([
      false,
      false,
      0,
    ]);
    disk.synced = [];
    await host.call(notes, "a", add(1));
    expect(disk.synced).toEqual([LOG]);
  });

  it("is not said to be gone while the disk refuses to take it away", async () => {
    await host.provision(notes, "a", (sql) => ok(write(sql)));
    disk.fails = "a.sqlite";
    await expect(host.call(notes, "a", erase)).rejects.toThrow(ObjectUnavailable);
    expect(home.errors).not.toEqual([]);
    disk.fails = null;
    await host.call(notes, "a", erase);
    expect(inFile(LOG)).toBe(false);
  });
});
