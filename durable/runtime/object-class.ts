import type { Result } from "../../shared/contracts/result.ts";
import { isProvisioned, migrate } from "./migrate.ts";
import type { CoreEnv, Migration, Sql } from "./sql.ts";

/**
 * One call into an object: synchronous, so that it is one atomic step. A throw undoes all that it wrote. It touches
 * nothing but `sql`: where another call of its tick is undone it runs twice, and the first run leaves nothing.
 */
export type ObjectBody<T> = (sql: Sql, env: CoreEnv) => T;

/** One object, as its effects see it. `undefined` means that it is not provisioned (any more). */
export interface ObjectHandle {
  readonly name: string;
  call<T>(body: ObjectBody<T>): Promise<T | undefined>;
  /** Whether the host is about to end: long work stops where it can go on after the next start. */
  ending?(): boolean;
  /** Until then (Unix ms) nothing is delivered from here: the receiver has others to hear. Zero: from now on. */
  deliverAfter?(at_ms: number): void;
}

/** What a host must know about a kind of object; the same definition serves the workerd shell and the embedded host. */
export interface ObjectClass {
  /** Folder name on disk: `tenant`, `session`, … */
  readonly name: string;
  readonly migrations: readonly Migration[];
  /** What it deletes is overwritten on disk, whole pages too; for objects that keep content. */
  readonly overwrites?: true;
  /**
   * Unix ms of the earliest due work, or null; what waits for a receiver is not due before `deliverAfter`. Read after every batch
   * of calls, so it must be an index look-up.
   */
  nextDue?(sql: Sql, deliverAfter: number): number | null;
  /**
   * Performs due synchronous work, at most so much per call, and answers whether more is left for another. Runs at
   * least once at or after `nextDue`, as a step of its own: by the alarm, or before a call when the alarm is late.
   */
  sweep?(sql: Sql, env: CoreEnv): boolean;
  /** Asynchronous due work after a sweep by the alarm (outbox delivery); repeated with backoff when it rejects. */
  effects?(object: ObjectHandle): Promise<void>;
}

/** Whoever keeps objects in this process. One writer per object; answers only what is durable. */
export interface ObjectHost {
  /** `undefined`, and nothing written, when the object was never provisioned. Rejects with `ObjectOverloaded` or `ObjectUnavailable`. */
  call<T>(of: ObjectClass, name: string, body: ObjectBody<T>): Promise<T | undefined>;
  /** As `call`, but creates the object's tables first; if the body then answers `ok: false`, they are undone too. */
  provision<T, E>(of: ObjectClass, name: string, body: ObjectBody<Result<T, E>>): Promise<Result<T, E>>;
}

/**
 * Effects failed whose next try stands in the object already, in its `nextDue`: hosts report the causes and add no wait of
 * their own, so that one receiver that is away does not hold up another.
 */
export class EffectPostponed extends Error {
  override readonly name = "EffectPostponed";
  readonly causes: readonly unknown[];
  constructor(causes: readonly unknown[]) {
    super(causes.map((cause) => (cause instanceof Error ? cause.message : String(cause))).join("; "));
    this.causes = causes;
  }
}

/** Creates the object's tables around the first body that succeeds; a refused one leaves none behind. */
export const provisioning =
  <T, E>(of: ObjectClass, body: ObjectBody<Result<T, E>>): ObjectBody<Result<T, E>> =>
  (sql, env) =>
    isProvisioned(sql)
      ? body(sql, env)
      : sql.transaction(() => {
          migrate(sql, of.migrations);
          return body(sql, env);
        });

/** The object has as many waiting calls as it may have; nothing of this call ran. */
export class ObjectOverloaded extends Error {
  override readonly name = "ObjectOverloaded";
}

/** The store failed around this call: whether it was written is unknown. `cause` says what failed. */
export class ObjectUnavailable extends Error {
  override readonly name = "ObjectUnavailable";
}
