import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock, Ids } from "../../shared/contracts/ports/clock.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { AlarmIndex } from "./alarm-index.ts";
import { AlarmRunner } from "./alarm-runner.ts";
import { EmbeddedObject, type EmbeddedObjectHost } from "./embedded-object.ts";
import { lockHome } from "./home-lock.ts";
import { type HostFiles, hostFiles } from "./host-files.ts";
import { LeftLogs } from "./left-logs.ts";
import { type ObjectBody, type ObjectClass, type ObjectHost, ObjectUnavailable, provisioning } from "./object-class.ts";
import { objectFolder, objectPath } from "./object-path.ts";
import { type PendingCall, pendingCall } from "./pending-call.ts";
import { SyncRounds } from "./sync-rounds.ts";

export interface EmbeddedHostOptions {
  /** An existing, writable directory. */
  home: string;
  clock: Clock;
  ids: Ids;
  /** Every class whose objects live here: their alarms are served from the start. */
  classes: readonly ObjectClass[];
  /** Failures that no caller is told of, or that callers see only as `ObjectUnavailable`. */
  onError: (cause: unknown, where: { class: string; name: string }) => void;
  files?: HostFiles;
  /** At most so many files stay open, unless more are in use. */
  openObjectsMax?: number;
}

export interface EmbeddedHost extends ObjectHost {
  /** Objects of a class whose alarm comes within this time, at most so many, the earliest first. */
  expected(of: ObjectClass, withinMs: number, limit: number): string[];
  /** Runs the alarms that are due now and resolves when they have ended; the host also does so by itself. */
  runDueAlarms(): Promise<void>;
  /** Resolves once no write-ahead log is left of objects that a killed process had open, or the host closes. */
  recovered(): Promise<void>;
  /** Refuses new calls, answers the waiting ones, closes every file and frees the home directory. Idempotent. */
  close(): Promise<void>;
}

/**
 * Hosts durable objects in this process: one writer per object, answers (reads too) held until what they saw is on
 * disk, alarms that survive a restart and fire at least once. Throws `HomeLocked` when the home directory is in use.
 */
export function openEmbeddedHost(options: EmbeddedHostOptions): EmbeddedHost {
  const { home, clock, ids, onError } = options;
  const files = options.files ?? hostFiles;
  const openObjectsMax = options.openObjectsMax ?? LIMITS.openObjectsMax;
  const lock = lockHome(home);
  const classes = new Map<string, { of: ObjectClass; folder: string; objects: Map<string, EmbeddedObject> }>();
  for (const of of options.classes)
    classes.set(of.name, { of, folder: objectFolder(home, of.name), objects: new Map() });

  /** Open objects, the one used longest ago first. */
  const open = new Set<EmbeddedObject>();
  let ready = new Set<EmbeddedObject>();
  let ticking = false;
  let unanswered = 0;
  let drained: (() => void) | null = null;
  let state: "open" | "draining" | "closed" = "open";
  let closing: Promise<void> | null = null;
  const mint = () => ids.base62(26);

  function wake(): void {
    if (ticking) return;
    ticking = true;
    setImmediate(tick);
  }

  function tick(): void {
    ticking = false;
    const batch = ready;
    ready = new Set();
    const until = performance.now() + LIMITS.tickMsMax;
    for (const object of batch) {
      if (performance.now() > until) break;
      batch.delete(object);
      if (open.delete(object)) open.add(object);
      object.tick();
    }
    if (batch.size > 0) {
      // Who had no turn comes before who had one and has more to do.
      const again = ready;
      ready = batch;
      for (const object of again) ready.add(object);
      wake();
    }
    let surplus = open.size - openObjectsMax;
    if (surplus <= 0) return;
    for (const object of open) {
      if (surplus <= 0) break;
      if (!object.isIdle) continue;
      open.delete(object);
      void object.evict();
      surplus--;
    }
  }

  const host: EmbeddedObjectHost = {
    files,
    alarms: openIndex(),
    rounds: new SyncRounds(),
    env: () => ({ now: clock.now(), mint }),
    ready(object) {
      ready.add(object);
      wake();
    },
    answered(calls) {
      unanswered -= calls;
      if (unanswered === 0) drained?.();
    },
    opened: (object) => open.add(object),
    closed(object) {
      open.delete(object);
      classes.get(object.of.name)?.objects.delete(object.name);
    },
    alarmAt: (at_ms) => alarms.expect(at_ms),
    onError: (cause, object) => onError(cause, { class: object.of.name, name: object.name }),
  };

  function openIndex(): AlarmIndex {
    try {
      return new AlarmIndex(home, files);
    } catch (cause) {
      lock.release();
      throw cause;
    }
  }

  function find(className: string, name: string): EmbeddedObject {
    const entry = classes.get(className);
    if (!entry) throw new RangeError(`no object class ${className}`);
    let object = entry.objects.get(name);
    if (!object) {
      object = new EmbeddedObject(host, entry.of, name, entry.folder, objectPath(entry.folder, name));
      entry.objects.set(name, object);
    }
    return object;
  }

  function send<T>(className: string, name: string, call: PendingCall & { promise: Promise<T> }): Promise<T> {
    try {
      find(className, name).enqueue(call);
    } catch (cause) {
      return Promise.reject(cause);
    }
    unanswered++;
    return call.promise;
  }

  const refuseLate = (): void => {
    if (state !== "open") throw new ObjectUnavailable("the host is closing");
  };

  const alarms = new AlarmRunner({
    index: host.alarms,
    clock,
    timer: {
      set: (run, delayMs) => {
        const timer = setTimeout(run, delayMs);
        timer.unref();
        return () => clearTimeout(timer);
      },
    },
    find: (className, name) => (classes.has(className) ? find(className, name) : null),
    send,
    onError,
  });
  alarms.start();

  const leftLogs = new LeftLogs({
    files,
    folders: new Map([...classes].map(([className, { folder }]) => [className, folder])),
    async recover(className, name) {
      const entry = classes.get(className);
      // An object that is known here is open, or its file is being closed: its log is not left behind.
      if (!entry || entry.objects.has(name) || !files.exists(`${objectPath(entry.folder, name)}-wal`)) return;
      await send(
        className,
        name,
        pendingCall(() => undefined),
      );
      await entry.objects.get(name)?.evict();
    },
    onError,
  });

  async function close(): Promise<void> {
    state = "draining";
    await Promise.all([alarms.stop(), leftLogs.stop()]);
    await new Promise<void>((resolve) => {
      drained = resolve;
      if (unanswered === 0) resolve();
    });
    await Promise.all(
      [...classes.values()].flatMap(({ objects }) => [...objects.values()].map((object) => object.shut())),
    );
    state = "closed";
    try {
      await host.alarms.close();
    } finally {
      lock.release();
    }
  }

  return {
    async call<T>(of: ObjectClass, name: string, body: ObjectBody<T>): Promise<T | undefined> {
      refuseLate();
      return send(of.name, name, pendingCall(body));
    },
    async provision<T, E>(of: ObjectClass, name: string, body: ObjectBody<Result<T, E>>): Promise<Result<T, E>> {
      refuseLate();
      const outcome = await send(of.name, name, pendingCall(provisioning(of, body), { provisions: true }));
      if (!outcome) throw new Error("a provisioning call was answered without an outcome");
      return outcome;
    },
    expected: (of, withinMs, limit) => host.alarms.upTo(of.name, clock.now() + withinMs, limit),
    runDueAlarms: () => alarms.runDue(),
    recovered: () => leftLogs.done(),
    close() {
      closing ??= close();
      return closing;
    },
  };
}
