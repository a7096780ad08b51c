import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { ok } from "../../shared/contracts/result.ts";
import { type ObjectsHome, objectsHome } from "../../test/support/objects-home.ts";
import type { EmbeddedHost } from "./embedded-host.ts";
import { hostFiles } from "./host-files.ts";
import { dropEverything } from "./migrate.ts";
import type { ObjectClass } from "./object-class.ts";
import type { CoreEnv, Sql } from "./sql.ts";
import { clearTimer, dueTimers, nextTimer, setTimer, TIMERS_SCHEMA } from "./timers.ts";

/** What the class under test did: swept names, and effects that may be told to fail. */
const done = { effects: [] as string[], failEffects: false, failSweep: false };

const timed: ObjectClass = {
  name: "timed",
  migrations: [{ id: 1, sql: [...TIMERS_SCHEMA, "CREATE TABLE fired (key TEXT PRIMARY KEY, times INTEGER NOT NULL)"] }],
  nextDue: nextTimer,
  sweep(sql, env) {
    if (done.failSweep) throw new Error("sweep is broken");
    const due = dueTimers(sql, env.now, 2);
    for (const { kind, key } of due) {
      sql.run("INSERT INTO fired VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1", key);
      clearTimer(sql, kind, key);
    }
    return due.length === 2;
  },
  async effects(object) {
    if (done.failEffects) throw new Error("effects are broken");
    done.effects.push(`${object.name} ${await object.call(firedKeys)}`);
  },
};
const firedKeys = (sql: Sql) => sql.all<{ key: string }>("SELECT key FROM fired ORDER BY key").map(({ key }) => key);
const wake = (key: string, afterMs: number) => (sql: Sql, env: CoreEnv) => {
  setTimer(sql, { kind: "wake", key, due_ms: env.now + afterMs });
  return ok(null);
};

/** A class whose effects wait, as those do whose receiver is away. */
const slow = { begun: 0, gate: Promise.withResolvers<void>() };
const waiting: ObjectClass = {
  name: "waiting",
  migrations: [{ id: 1, sql: TIMERS_SCHEMA }],
  nextDue: nextTimer,
  sweep(sql, env) {
    for (const { kind, key } of dueTimers(sql, env.now, 1)) clearTimer(sql, kind, key);
    return false;
  },
  async effects() {
    slow.begun++;
    await slow.gate.promise;
  },
};

let home: ObjectsHome;
let host: EmbeddedHost;
beforeEach(() => {
  Object.assign(done, { effects: [], failEffects: false, failSweep: false });
  Object.assign(slow, { begun: 0, gate: Promise.withResolvers<void>() });
  home = objectsHome({ classes: [timed, waiting] });
  host = home.open();
});
afterEach(async () => {
  slow.gate.resolve();
  await host.close();
  home.remove();
});

describe("alarms of the embedded host", { timeout: 60_000 }, () => {
  it("of one class fire while another class has all of its own in work, so that a slow receiver of many tenants stops no other work", async () => {
    const names = Array.from({ length: LIMITS.alarmsAtOnceMax + 6 }, (_, n) => `w${n}`);
    await Promise.all(names.map((name) => host.provision(waiting, name, wake(name, 1_000))));
    await host.provision(timed, "x", wake("a", 2_000));
    home.clock.advance(3_000);
    const all = host.runDueAlarms();
    await expect.poll(() => done.effects).toEqual(["x a"]);
    await expect.poll(() => slow.begun).toBe(LIMITS.alarmsAtOnceMax);
    slow.gate.resolve();
    await all;
    expect(slow.begun).toBe(names.length);
  });

  it("fire when they are due, not before, until nothing due is left", async () => {
    for (const key of ["a", "b", "c", "d", "e"]) await host.provision(timed, "x", wake(key, 1_000));
    await host.runDueAlarms();
    expect(await host.call(timed, "x", firedKeys)).toEqual([]);
    home.clock.advance(1_000);
    await host.runDueAlarms();
    expect(done.effects).toEqual(["x a,b,c,d,e"]);
    await host.runDueAlarms();
    expect(done.effects).toHaveLength(1);
  });

  it("survive a restart, also when an earlier one replaced a later one", async () => {
    await host.provision(timed, "x", wake("late", 60_000));
    await host.provision(timed, "x", wake("early", 1_000));
    await host.provision(timed, "y", wake("only", 1_000));
    await host.close();
    home.clock.advance(1_000);
    host = home.open();
    await host.runDueAlarms();
    expect(done.effects.sort()).toEqual(["x early", "y only"]);
    home.clock.advance(59_000);
    await host.runDueAlarms();
    expect(done.effects).toContain("x early,late");
  });

  it("fire by themselves after a restart, without a call and without opening other objects", async () => {
    await host.provision(timed, "x", wake("a", 1_000));
    await host.close();
    home.clock.advance(1_000);
    host = home.open();
    await expect.poll(() => done.effects).toEqual(["x a"]);
  });

  it("do their work before a call that comes when the alarm is late, so that nobody reads what should be gone", async () => {
    await host.provision(timed, "x", wake("a", 1_000));
    home.clock.advance(1_000);
    expect(await host.call(timed, "x", firedKeys)).toEqual(["a"]);
  });

  it("repeat failed effects with growing pauses, so that a broken receiver is neither lost nor hammered", async () => {
    await host.provision(timed, "x", wake("a", 1_000));
    home.clock.advance(1_000);
    done.failSweep = true;
    await host.runDueAlarms();
    expect(home.errors.map(String)).toContain("Error: sweep is broken");
    done.failSweep = false;
    await host.runDueAlarms();
    expect(done.effects).toEqual([]);
    home.clock.advance(LIMITS.outboxRetryMsMin);
    await host.runDueAlarms();
    expect(done.effects).toEqual(["x a"]);
  });

  it("are forgotten with their object", async () => {
    await host.provision(timed, "x", wake("a", 1_000));
    await host.call(timed, "x", dropEverything);
    home.clock.advance(1_000);
    await host.runDueAlarms();
    expect(done.effects.filter((effect) => effect !== "x undefined")).toEqual([]);
    expect(home.errors).toEqual([]);
  });

  it("of 100 objects all fire after a restart, although only some files may be open at once", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
    for (let from = 0; from < names.length; from += 50) {
      await Promise.all(names.slice(from, from + 50).map((name) => host.provision(timed, name, wake("a", 1_000))));
    }
    await host.close();
    home.clock.advance(1_000);
    host = home.open({ openObjectsMax: 8 });
    await host.runDueAlarms();
    expect(new Set(done.effects)).toEqual(new Set(names.map((name) => `${name} a`)));
  });

  it("outlive an index that cannot be read for a while: the process goes on and looks again by itself", async () => {
    await host.close();
    let broken = false;
    const fails = () => {
      if (broken) throw new Error("the disk is broken");
    };
    host = home.open({
      files: {
        ...hostFiles,
        exists(path) {
          fails();
          return hostFiles.exists(path);
        },
        open(path) {
          const file = hostFiles.open(path);
          const sync = async () => {
            fails();
            await file.sync();
          };
          return { close: () => file.close(), sync };
        },
      },
    });
    await host.provision(timed, "x", wake("a", 1_000));
    home.clock.advance(1_000);
    broken = true;
    // What would escape here is nobody's to catch: it would end the process, with every tenant in it.
    await host.runDueAlarms();
    await host.runDueAlarms();
    expect(done.effects).toEqual([]);
    expect(home.errors.map(String)).toContain("Error: the disk is broken");
    broken = false;
    home.clock.advance(LIMITS.outboxRetryMsMax);
    await vi.waitFor(() => expect(done.effects).toEqual(["x a"]), { timeout: 20_000 });
  });
});
