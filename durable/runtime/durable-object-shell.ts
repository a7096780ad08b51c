import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Result } from "../../shared/contracts/result.ts";
import { encodeBase62 } from "../../shared/crypto/base62.ts";
import { describeError } from "../../shared/telemetry/log-line.ts";
import type { DurableState } from "./durable-object.ts";
import { type DurableSql, durableSql } from "./durable-sql.ts";
import { isProvisioned, migrate } from "./migrate.ts";
import {
  EffectPostponed,
  type ObjectBody,
  type ObjectClass,
  type ObjectHandle,
  type ObjectHost,
  provisioning,
} from "./object-class.ts";
import type { CoreEnv } from "./sql.ts";

/** 26 base62 characters hold 154 bits; 19 bytes are 152. */
const MINT_BYTES = 19;
const MINT_CHARS = 26;

/**
 * What every Durable Object of ours does around its core: one call is one transaction, tables appear with provisioning
 * only, the alarm is the earliest due work. The platform's gates make each answer, reads too, wait for the disk.
 */
export class DurableObjectShell implements ObjectHandle {
  readonly name: string;
  readonly #state: DurableState;
  readonly #of: ObjectClass;
  readonly #sql: DurableSql;
  /** Null until the first call looked: constructing writes and reads nothing. */
  #provisioned: boolean | null = null;
  /** The alarm as this instance set it; null when unknown, and then setting it once more is harmless. */
  #armed: number | null = null;
  #next: number | null = null;
  #failures = 0;
  #notBefore = 0;
  /** While the alarm runs only its end arms the next one; the platform repeats an alarm that was cut off. */
  #inAlarm = false;

  constructor(state: DurableState, of: ObjectClass) {
    this.name = state.id.name ?? "";
    this.#state = state;
    this.#of = of;
    this.#sql = durableSql(state.storage);
  }

  /** `undefined`, and nothing written, when the object was never provisioned. A throw undoes the call's writes. */
  async call<T>(body: ObjectBody<T>): Promise<T | undefined> {
    const env = this.#env();
    this.#sweepIfLate(env);
    if (!this.#look(env)) return undefined;
    const value = this.#step(() => body(this.#sql, env));
    await this.#afterwards();
    return value;
  }

  /** As `call`, but creates the tables first; if the body then answers `ok: false`, they are undone too. */
  async provision<T, E>(body: ObjectBody<Result<T, E>>): Promise<Result<T, E>> {
    const env = this.#env();
    this.#sweepIfLate(env);
    this.#look(env);
    const value = this.#step(() => provisioning(this.#of, body)(this.#sql, env));
    await this.#afterwards();
    return value;
  }

  /** The object's `alarm()`. Never throws: the platform abandons an alarm after six failures. Re-arms last. */
  async alarm(): Promise<void> {
    this.#inAlarm = true;
    try {
      while ((await this.call((sql, env) => this.#of.sweep?.(sql, env) ?? false)) === true);
      await this.#of.effects?.(this);
      this.#failures = 0;
      this.#notBefore = 0;
    } catch (cause) {
      const postponed = cause instanceof EffectPostponed;
      for (const one of postponed ? cause.causes : [cause]) this.#report(one);
      this.#failures = postponed ? 0 : this.#failures + 1;
      const wait = LIMITS.outboxRetryMsMin * 2 ** Math.min(this.#failures - 1, 30);
      this.#notBefore = postponed ? 0 : Date.now() + Math.min(wait, LIMITS.outboxRetryMsMax);
    }
    this.#inAlarm = false;
    this.#armed = null;
    try {
      if (this.#look(this.#env())) await this.#afterwards();
    } catch (cause) {
      this.#report(cause);
      await this.#state.storage.setAlarm(Date.now() + LIMITS.outboxRetryMsMax);
    }
  }

  #env(): CoreEnv {
    return {
      now: Date.now(),
      mint: () => encodeBase62(crypto.getRandomValues(new Uint8Array(MINT_BYTES)), MINT_CHARS),
    };
  }

  /** Whether the object exists; the first look brings its schema up to date. */
  #look(env: CoreEnv): boolean {
    if (this.#provisioned !== null) return this.#provisioned;
    const found = isProvisioned(this.#sql);
    if (found) {
      migrate(this.#sql, this.#of.migrations);
      this.#next = this.#of.nextDue?.(this.#sql, 0) ?? null;
    }
    this.#sql.takeSchemaTouched();
    this.#provisioned = found;
    if (found) this.#sweepIfLate(env);
    return this.#provisioned;
  }

  #sweepIfLate(env: CoreEnv): void {
    if (this.#next === null || this.#next > env.now) return;
    try {
      this.#step(() => this.#of.sweep?.(this.#sql, env));
    } catch (cause) {
      // The alarm repeats it with backoff; the call itself does not depend on it.
      this.#report(cause);
    }
  }

  #step<T>(body: () => T): T {
    try {
      return this.#sql.step(body);
    } finally {
      if (this.#sql.takeSchemaTouched()) this.#provisioned = isProvisioned(this.#sql);
    }
  }

  /** Arms the alarm, or gives the storage back; in the same turn as the call's writes, so all of it is one step. */
  async #afterwards(): Promise<void> {
    const { storage } = this.#state;
    if (this.#provisioned === false) {
      this.#next = null;
      this.#armed = null;
      await Promise.all([storage.deleteAlarm(), storage.deleteAll()]);
      return;
    }
    this.#next = this.#of.nextDue?.(this.#sql, 0) ?? null;
    if (this.#next === null || this.#inAlarm) return;
    // At least a millisecond ahead: an alarm set to now from inside `alarm()` is dropped by the local runtime.
    const wanted = Math.max(this.#next, this.#notBefore, Date.now() + 1);
    if (this.#armed !== null && this.#armed <= wanted && this.#armed > Date.now()) return;
    this.#armed = wanted;
    await storage.setAlarm(wanted);
  }

  #report(cause: unknown): void {
    const errors = describeError(cause);
    console.error(JSON.stringify({ level: "error", event: "object.failed", class: this.#of.name, errors }));
  }
}

/** A host of the one object that this is: the ports' own code works over it. */
export const shellHost = (shell: DurableObjectShell): ObjectHost => ({
  call: (_of, _name, body) => shell.call(body),
  provision: (_of, _name, body) => shell.provision(body),
});
