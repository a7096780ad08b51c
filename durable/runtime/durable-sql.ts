import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Result } from "../../shared/contracts/result.ts";
import type { DurableStorage } from "./durable-object.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";
import { TableVersions, type Touch, touchOf } from "./table-versions.ts";

/** Carries a refusal out of `transactionSync`, which rolls back only on a throw; never leaves this file. */
class Refused extends Error {
  readonly refusal: unknown;
  constructor(refusal: unknown) {
    super("refused");
    this.refusal = refusal;
  }
}

/** Texts whose effect is remembered; cores have some dozens. */
const TEXTS_MAX = 256;

export interface DurableSql extends Sql {
  /**
   * Runs the shell's step in a transaction of the storage; a throw undoes all of it and goes through. The body may run
   * twice: first without savepoints, and, when an inner transaction that wrote is to be undone alone, once more with them.
   */
  step<T>(body: () => T): T;
  /** Whether the schema may have changed since the last question. */
  takeSchemaTouched(): boolean;
}

/** `Sql` over a Durable Object's storage; savepoints are nested `transactionSync` calls. */
export function durableSql(storage: DurableStorage): DurableSql {
  let schemaTouched = false;
  const versions = new TableVersions();
  const touches = new Map<string, Touch>();
  let writes = 0;
  /** Inner transactions are part of the running step, and cannot be undone alone. */
  let asOne = false;
  /** Something that is written should be undone and is not: nothing runs any more until the step does again. */
  let mustRepeat = false;
  const touched = (text: string): void => {
    let touch = touches.get(text);
    if (!touch) {
      touch = touchOf(text);
      if (touches.size >= TEXTS_MAX) touches.clear();
      touches.set(text, touch);
    }
    if (touch.kind === "read") return;
    writes++;
    versions.wrote(touch);
    if (touch.kind === "schema") schemaTouched = true;
  };
  const apart = <T>(body: () => T): T => {
    try {
      return storage.transactionSync(body);
    } catch (cause) {
      versions.undone();
      throw cause;
    }
  };
  const step = <T>(body: () => T): T => {
    asOne = true;
    mustRepeat = false;
    try {
      return apart(() => {
        const value = body();
        if (mustRepeat) throw new Error("the step is run again");
        return value;
      });
    } catch (cause) {
      if (!mustRepeat) throw cause;
    } finally {
      asOne = false;
    }
    mustRepeat = false;
    return apart(body);
  };
  /** The inner transaction of a step that has no savepoints. */
  const inside = <T, E>(body: () => Result<T, E>): Result<T, E> => {
    const before = writes;
    let kept = false;
    try {
      const outcome = body();
      kept = outcome.ok;
      return outcome;
    } finally {
      if (!kept) {
        versions.undone();
        if (writes !== before) mustRepeat = true;
      }
    }
  };
  const all = <R extends SqlRow>(text: string, params: SqlValue[]): R[] => {
    if (params.length > LIMITS.sqlParametersMax) throw new RangeError("more bound parameters than the platform allows");
    if (mustRepeat) throw new Error("the step is to be run again");
    touched(text);
    const rows = storage.sql.exec(text, ...params).toArray();
    for (const row of rows) {
      for (const column in row) {
        const value = row[column];
        // The platform answers blobs as buffers; the port promises bytes.
        if (value instanceof ArrayBuffer) (row as SqlRow)[column] = new Uint8Array(value); // safe because: it replaces the one member that is no SqlValue
      }
    }
    return rows as R[]; // safe because: buffers are converted, and the caller names the columns it selects
  };
  return {
    all: (text, ...params) => all(text, params),
    get: <R extends SqlRow>(text: string, ...params: SqlValue[]) => all<R>(text, params)[0],
    run(text, ...params) {
      all(text, params);
    },
    change(text, ...params) {
      all(text, params);
      const counted = all<{ changed: number }>("SELECT changes() AS changed", []);
      return counted[0]?.changed ?? 0;
    },
    transaction<T, E>(body: () => Result<T, E>): Result<T, E> {
      if (asOne) return inside(body);
      let outcome: Result<T, E> | undefined;
      try {
        apart(() => {
          outcome = body();
          if (!outcome.ok) throw new Refused(outcome);
        });
      } catch (cause) {
        // Compared by identity: only this call's own refusal is an outcome, everything else is a failure.
        if (!(cause instanceof Refused) || cause.refusal !== outcome) throw cause;
      }
      if (!outcome) throw new Error("a transaction ended without an outcome");
      return outcome;
    },
    version: (table) => versions.of(table),
    erased() {},
    step,
    takeSchemaTouched() {
      const was = schemaTouched;
      schemaTouched = false;
      return was;
    },
  };
}
