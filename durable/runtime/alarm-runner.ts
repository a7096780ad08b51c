import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import type { AlarmIndex, IndexedAlarm } from "./alarm-index.ts";
import type { EmbeddedObject } from "./embedded-object.ts";
import { EffectPostponed, type ObjectBody } from "./object-class.ts";
import { type PendingCall, pendingCall } from "./pending-call.ts";

/** The longest delay that timers take is 2^31 ms; looking once an hour costs nothing. */
const LOOK_AGAIN_MS = 3_600_000;
/** Whose alarms are looked for when the index itself cannot be read. */
const INDEX = { class: "alarms", name: "" } as const;

export interface AlarmRunnerOptions {
  index: AlarmIndex;
  clock: Clock;
  timer: { set(run: () => void, delayMs: number): () => void };
  /** Null for a class that this host does not serve. */
  find(className: string, name: string): EmbeddedObject | null;
  send<T>(className: string, name: string, call: PendingCall & { promise: Promise<T> }): Promise<T>;
  onError: (cause: unknown, where: { class: string; name: string }) => void;
}

/**
 * Wakes objects at their alarms: sweep, then effects, then the index is renewed. At least once, with backoff on failure.
 * At most so many objects of a class at once, so that effects of one class which wait for their receiver, for many
 * objects, hold up no other class.
 */
export class AlarmRunner {
  readonly #options: AlarmRunnerOptions;
  readonly #firing = new Map<string, Promise<void>>();
  /** How many of `firing` are of each class. */
  readonly #busy = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  #cancelTimer: (() => void) | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: AlarmRunnerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#arm();
  }

  /** An alarm was set to this time. */
  expect(at_ms: number): void {
    if (at_ms < this.#timerAt) this.#arm();
  }

  /** Fires everything that is due, each object once, and waits for its end and for the end of what the timer fired meanwhile. */
  async runDue(): Promise<void> {
    const seen = new Set<string>();
    for (;;) {
      for (const alarm of this.#due()) {
        const key = keyOf(alarm);
        if (seen.has(key)) continue;
        seen.add(key);
        this.#fire(alarm);
      }
      if (this.#firing.size === 0) return;
      await Promise.all(this.#firing.values());
    }
  }

  /** Starts no more alarms and waits for those that run. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await Promise.all(this.#firing.values());
  }

  #due(): IndexedAlarm[] {
    const now = this.#options.clock.now();
    return (this.#earliest(LIMITS.alarmsAtOnceMax) ?? []).filter((alarm) => alarm.at_ms <= now);
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (this.#stopped) return;
    const now = this.#options.clock.now();
    const found = this.#earliest(1);
    // An index on a broken disk is looked at again by itself; an alarm that is set meanwhile does not wait for that.
    const nextMs =
      found === null
        ? now + LIMITS.outboxRetryMsMin
        : Math.min(...found.map(({ at_ms }) => at_ms), Number.POSITIVE_INFINITY);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timerAt = nextMs;
    this.#cancelTimer = this.#options.timer.set(
      () => {
        for (const alarm of this.#due()) this.#fire(alarm);
        this.#arm();
      },
      Math.min(Math.max(nextMs - now, 0), LOOK_AGAIN_MS),
    );
  }

  /**
   * The earliest alarms of each class that do not fire already, as many as it may begin and at most `limit`. Null, which
   * is told, when the index cannot be read: no caller waits for this, so nothing may escape.
   */
  #earliest(limit: number): IndexedAlarm[] | null {
    const { index, onError } = this.#options;
    try {
      return index.classes().flatMap((className) => {
        const busy = this.#busy.get(className) ?? 0;
        const wanted = Math.min(LIMITS.alarmsAtOnceMax - busy, limit);
        if (wanted <= 0) return [];
        const idle = index.earliest(className, busy + wanted).filter((alarm) => !this.#firing.has(keyOf(alarm)));
        return idle.slice(0, wanted);
      });
    } catch (cause) {
      onError(cause, INDEX);
      return null;
    }
  }

  #fire(alarm: IndexedAlarm): void {
    const key = keyOf(alarm);
    const done = this.#wake(alarm, key)
      .catch((cause: unknown) => this.#options.onError(cause, alarm))
      .finally(() => {
        this.#firing.delete(key);
        this.#busy.set(alarm.class, (this.#busy.get(alarm.class) ?? 1) - 1);
        this.#arm();
      });
    this.#firing.set(key, done);
    this.#busy.set(alarm.class, (this.#busy.get(alarm.class) ?? 0) + 1);
  }

  async #wake(alarm: IndexedAlarm, key: string): Promise<void> {
    const { index, find, send, clock, onError } = this.#options;
    const object = find(alarm.class, alarm.name);
    const call = <T>(body: ObjectBody<T>, reindexes = false) =>
      send(alarm.class, alarm.name, pendingCall(body, { reindexes }));
    try {
      if (!object) throw new Error(`alarm of an unknown object class ${alarm.class}`);
      const { of } = object;
      while ((await call((sql, env) => of.sweep?.(sql, env) ?? false)) === true);
      await of.effects?.({
        name: alarm.name,
        call: (body) => call(body),
        ending: () => this.#stopped,
        deliverAfter(at_ms) {
          object.deliverAfter = at_ms;
        },
      });
      this.#failures.delete(key);
      object.notBefore = 0;
    } catch (cause) {
      const postponed = cause instanceof EffectPostponed;
      for (const one of postponed ? cause.causes : [cause]) onError(one, alarm);
      const failures = this.#failures.get(key) ?? 0;
      if (postponed) this.#failures.delete(key);
      else this.#failures.set(key, failures + 1);
      const notBefore = postponed
        ? 0
        : clock.now() + Math.min(LIMITS.outboxRetryMsMin * 2 ** Math.min(failures, 30), LIMITS.outboxRetryMsMax);
      if (object) object.notBefore = notBefore;
      // Renewed below where the object still answers; this holds where it does not.
      if (!postponed) await index.put(alarm.class, alarm.name, notBefore);
    }
    if (object) await call(() => null, true);
  }
}

const keyOf = (alarm: { class: string; name: string }): string => `${alarm.class}/${alarm.name}`;
