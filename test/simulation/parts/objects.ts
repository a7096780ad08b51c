import type { AlarmIndex, IndexedAlarm } from "../../../durable/runtime/alarm-index.ts";
import { AlarmRunner } from "../../../durable/runtime/alarm-runner.ts";
import type { EmbeddedObject } from "../../../durable/runtime/embedded-object.ts";
import { isProvisioned, migrate } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import {
  type ObjectBody,
  type ObjectClass,
  type ObjectHost,
  ObjectUnavailable,
  provisioning,
} from "../../../durable/runtime/object-class.ts";
import { type PendingCall, pendingCall } from "../../../durable/runtime/pending-call.ts";
import type { CoreEnv, Sql } from "../../../durable/runtime/sql.ts";
import type { SqliteFile } from "../../../durable/runtime/sqlite-file.ts";
import { runTick } from "../../../durable/runtime/tick.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Clock } from "../../../shared/contracts/ports/clock.ts";
import type { Process, World } from "../world/world.ts";
import { giveDatabase, type SimulatedDatabase, takeDatabase } from "./database.ts";

/** What survives every crash: one database an object, and when each is to be woken. */
export class Disk {
  readonly databases = new Map<string, SimulatedDatabase>();
  readonly alarms = new Map<string, IndexedAlarm>();

  close(): void {
    for (const db of this.databases.values()) giveDatabase(db);
    this.databases.clear();
  }
}

/** Looks at an object whose commit just became durable. */
export type OnCommit = (of: ObjectClass, name: string, sql: Sql) => void;

export interface SimulatedHostOptions {
  world: World;
  process: Process;
  disk: Disk;
  clock: Clock;
  mint: () => string;
  classes: readonly ObjectClass[];
  onCommit: OnCommit;
  /** An alarm's work failed: it is tried again behind a wait of the host's. */
  onAlarmFailed: (key: string) => void;
}

/** Share of the syncs that fail; half of them after the bytes were written all the same. */
const SYNC_FAILS = 0.004;
const SYNC_MS = { min: 0.1, max: 2, slow: 0.01, slowMax: 3_000 } as const;

const keyOf = (of: ObjectClass, name: string): string => `${of.name}/${name}`;

/** One object: its memory, and the calls that wait for its next tick. */
class SimulatedObject {
  readonly of: ObjectClass;
  readonly name: string;
  readonly #host: SimulatedHost;
  #sql: NodeSql | null = null;
  #provisioned = false;
  #queue: PendingCall[] = [];
  /** Ran, and not on disk yet. */
  #unsynced: PendingCall[] = [];
  #ticking = false;
  #next: number | null = null;
  /** Bumped by a crash: what an older memory had begun is nobody's. */
  #life = 0;
  /** Written by the runner of alarms. */
  notBefore = 0;
  deliverAfter = 0;

  constructor(host: SimulatedHost, of: ObjectClass, name: string) {
    [this.#host, this.of, this.name] = [host, of, name];
  }

  enqueue(call: PendingCall): void {
    this.#queue.push(call);
    this.#soon();
  }

  /**
   * What memory holds is gone, and whatever was not synced yet, unless it is `kept`. Those who wait learn no more than
   * that it failed; `silent`: they died too.
   */
  crash(kept: boolean, silent = false): void {
    this.#life++;
    const lost = [...this.#unsynced, ...this.#queue];
    this.#unsynced = [];
    this.#queue = [];
    this.#ticking = false;
    const sql = this.#sql;
    this.#sql = null;
    if (sql?.inTransaction) {
      const db = this.#host.options.disk.databases.get(keyOf(this.of, this.name));
      if (db) db.commits++;
      if (kept) sql.leave();
      else sql.abandon();
    }
    if (silent) return;
    for (const call of lost) call.fail(new ObjectUnavailable(`${this.of.name} crashed`));
  }

  #soon(): void {
    if (this.#ticking || this.#queue.length === 0) return;
    this.#ticking = true;
    const life = this.#life;
    const { world, process } = this.#host.options;
    world.after(0, process, () => {
      if (life === this.#life) this.#tick();
    });
  }

  #tick(): void {
    const { world, process, disk, onCommit } = this.#host.options;
    const calls = this.#queue.splice(0, LIMITS.tickCallsMax);
    const key = keyOf(this.of, this.name);
    let db = disk.databases.get(key);
    if (!db) {
      if (!calls.some(({ provisions }) => provisions)) {
        disk.alarms.delete(key);
        this.#answer(calls);
        return;
      }
      db = takeDatabase(this.of);
      disk.databases.set(key, db);
    }
    if (this.#sql === null) {
      this.#sql = new NodeSql(db);
      this.#provisioned = isProvisioned(this.#sql);
      if (this.#provisioned) migrate(this.#sql, this.of.migrations);
      this.#next = this.#provisioned ? (this.of.nextDue?.(this.#sql, this.deliverAfter) ?? null) : null;
    }
    const sql = this.#sql;
    const env = this.#host.env();
    const late = this.#next !== null && this.#next <= env.now ? this.#sweep() : null;
    this.#unsynced = calls;
    // safe because: a tick uses the connection of a file and this mark alone
    const file = { sql, schemaChanged: false } as unknown as SqliteFile;
    this.#provisioned = runTick(file, late ? [late, ...calls] : calls, env, this.#provisioned);
    late?.settle();
    this.#next = this.#provisioned ? (this.of.nextDue?.(sql, this.deliverAfter) ?? null) : null;
    // As the real host has it: the alarm is durable before the object commits what it is for.
    const wanted = this.#next === null ? null : Math.max(this.#next, this.notBefore);
    const indexed = disk.alarms.get(key)?.at_ms ?? null;
    if (wanted !== null && (indexed === null || wanted < indexed)) this.#host.index(key, this, wanted);
    const reindexes = calls.some((call) => call.reindexes);
    const life = this.#life;
    const { random } = world;
    const slow = world.faults && random.chance(SYNC_MS.slow);
    world.after(random.between(SYNC_MS.min, slow ? SYNC_MS.slowMax : SYNC_MS.max), process, () => {
      if (life !== this.#life) return;
      if (world.faults && random.chance(SYNC_FAILS)) {
        const kept = random.chance(0.5);
        world.note(`${key}: a sync failed, ${kept ? "after" : "before"} the bytes were on disk`);
        return this.crash(kept);
      }
      sql.leave();
      db.commits++;
      if (reindexes && this.#queue.length === 0) this.#host.index(key, this, wanted);
      if (this.#provisioned) onCommit(this.of, this.name, sql);
      else this.#forget(key);
      this.#unsynced = [];
      this.#answer(calls);
    });
  }

  #forget(key: string): void {
    const { disk } = this.#host.options;
    this.#sql = null;
    const db = disk.databases.get(key);
    if (db) giveDatabase(db);
    disk.databases.delete(key);
    disk.alarms.delete(key);
  }

  #answer(calls: readonly PendingCall[]): void {
    this.#ticking = false;
    for (const call of calls) call.settle();
    this.#soon();
  }

  #sweep(): PendingCall {
    const sweep = pendingCall((sql, env) => this.of.sweep?.(sql, env));
    sweep.promise.catch((cause: unknown) => this.#host.options.world.violated("a sweep never fails", String(cause)));
    return sweep;
  }
}

/**
 * Hosts the durable classes in memory: one writer an object, answers only what is durable, alarms at least once. A crash
 * takes an object, or all of them, back to what was synced.
 */
export class SimulatedHost implements ObjectHost {
  readonly options: SimulatedHostOptions;
  readonly #classes: ReadonlyMap<string, ObjectClass>;
  readonly #objects = new Map<string, SimulatedObject>();
  readonly #alarms: AlarmRunner;

  constructor(options: SimulatedHostOptions) {
    this.options = options;
    const { world, clock } = options;
    this.#classes = new Map(options.classes.map((of) => [of.name, of]));
    this.#alarms = new AlarmRunner({
      // safe because: the runner asks an index for these alone
      index: this.#index() as unknown as AlarmIndex,
      clock,
      timer: {
        set: (run, delayMs) => {
          // Late, as every timer is.
          const timer = setTimeout(run, delayMs + world.random.between(0, world.faults ? 50 : 2));
          return () => clearTimeout(timer);
        },
      },
      // safe because: of an object the runner knows its class, and how long it is left alone
      find: (className, name) => this.#find(this.#class(className), name) as unknown as EmbeddedObject,
      send: (className, name, call) => {
        this.#find(this.#class(className), name).enqueue(call);
        return call.promise;
      },
      onError: (cause, where) => {
        const key = `${where.class}/${where.name}`;
        world.note(`alarm of ${key}: ${message(cause)}`);
        options.onAlarmFailed(key);
      },
    });
    this.#alarms.start();
  }

  env(): CoreEnv {
    return { now: this.options.clock.now(), mint: this.options.mint };
  }

  async call<T>(of: ObjectClass, name: string, body: ObjectBody<T>): Promise<T | undefined> {
    const call = pendingCall(body);
    this.#find(of, name).enqueue(call);
    return call.promise;
  }

  async provision<T, E>(
    of: ObjectClass,
    name: string,
    body: ObjectBody<import("../../../shared/contracts/result.ts").Result<T, E>>,
  ): Promise<import("../../../shared/contracts/result.ts").Result<T, E>> {
    const call = pendingCall(provisioning(of, body), { provisions: true });
    this.#find(of, name).enqueue(call);
    const outcome = await call.promise;
    if (!outcome) throw new Error("a provisioning call was answered without an outcome");
    return outcome;
  }

  /** One object loses its memory; `kept`: what was not acknowledged is on disk all the same. */
  crashOne(kept: boolean): string | null {
    const names = [...this.#objects.keys()];
    if (names.length === 0) return null;
    const { world, process } = this.options;
    const name = world.random.pick(names);
    world.after(0, process, () => this.#objects.get(name)?.crash(kept));
    return name;
  }

  /** The whole process dies. */
  crashAll(): void {
    for (const object of this.#objects.values()) object.crash(this.options.world.random.chance(0.3), true);
  }

  index(key: string, object: SimulatedObject, at_ms: number | null): void {
    const { alarms } = this.options.disk;
    if (at_ms === null) alarms.delete(key);
    else {
      alarms.set(key, { class: object.of.name, name: object.name, at_ms });
      this.#alarms.expect(at_ms);
    }
  }

  #index() {
    const { alarms } = this.options.disk;
    return {
      classes: (): string[] => [...new Set([...alarms.values()].map((alarm) => alarm.class))].sort(),
      earliest: (className: string, limit: number): IndexedAlarm[] =>
        [...alarms.values()]
          .filter((alarm) => alarm.class === className)
          .sort((a, b) => a.at_ms - b.at_ms)
          .slice(0, limit),
      async put(className: string, name: string, at_ms: number | null): Promise<void> {
        const key = `${className}/${name}`;
        if (at_ms === null) alarms.delete(key);
        else alarms.set(key, { class: className, name, at_ms });
      },
    } satisfies Pick<AlarmIndex, "classes" | "earliest" | "put">;
  }

  #class(name: string): ObjectClass {
    const of = this.#classes.get(name);
    if (!of) throw new RangeError(`no object class ${name}`);
    return of;
  }

  #find(of: ObjectClass, name: string): SimulatedObject {
    const key = keyOf(of, name);
    let object = this.#objects.get(key);
    if (!object) {
      object = new SimulatedObject(this, of, name);
      this.#objects.set(key, object);
    }
    return object;
  }
}

const message = (cause: unknown): string =>
  cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
