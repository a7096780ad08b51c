import type { ObjectBody } from "./object-class.ts";
import type { CoreEnv, Sql } from "./sql.ts";

/** A call between its arrival and its answer: it runs inside the tick, and answers once that is durable. */
export interface PendingCall {
  /** Whether the call may create the object. */
  readonly provisions: boolean;
  /** Whether the object's entry in the alarm index is renewed with this call. */
  readonly reindexes: boolean;
  /** Throws what the body throws; the caller undoes its writes and reports with `threw`. Only the last run counts. */
  run(sql: Sql, env: CoreEnv): void;
  /** The body failed by itself: its own error, and no one else's. */
  threw(cause: unknown): void;
  /** Gives the outcome out. Without a run the answer is `undefined`: no such object. */
  settle(): void;
  /** Nothing is known about the outcome. */
  fail(cause: unknown): void;
}

export function pendingCall<T>(
  body: ObjectBody<T>,
  kind: { provisions?: boolean; reindexes?: boolean } = {},
): PendingCall & { readonly promise: Promise<T | undefined> } {
  const { promise, resolve, reject } = Promise.withResolvers<T | undefined>();
  let value: T | undefined;
  let error: { cause: unknown } | null = null;
  return {
    promise,
    provisions: kind.provisions ?? false,
    reindexes: kind.reindexes ?? false,
    run(sql, env) {
      error = null;
      value = body(sql, env);
    },
    threw(cause) {
      error = { cause };
    },
    settle() {
      if (error) reject(error.cause);
      else resolve(value);
    },
    fail: reject,
  };
}
