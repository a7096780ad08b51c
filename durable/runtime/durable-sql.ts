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
  /** Runs the shell's step in a transaction of the storage; a throw undoes all of it and goes through. */
  step<T>(body: () => T): T;
  /** Whether the schema may have changed since the last question. */
  takeSchemaTouched(): boolean;
}

/** `Sql` over a Durable Object's storage; savepoints are nested `transactionSync` calls. */
export function durableSql(storage: DurableStorage): DurableSql {
  let schemaTouched = false;
  const versions = new TableVersions();
  const touches = new Map<string, Touch>();
  const touched = (text: string): void => {
    let touch = touches.get(text);
    if (!touch) {
      touch = touchOf(text);
      if (touches.size >= TEXTS_MAX) touches.clear();
      touches.set(text, touch);
    }
    versions.wrote(touch);
    if (touch.kind === "schema") schemaTouched = true;
  };
  const step = <T>(body: () => T): T => {
    try {
      return storage.transactionSync(body);
    } catch (cause) {
      versions.undone();
      throw cause;
    }
  };
  const all = <R extends SqlRow>(text: string, params: SqlValue[]): R[] => {
    if (params.length > LIMITS.sqlParametersMax) throw new RangeError("more bound parameters than the platform allows");
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
      let outcome: Result<T, E> | undefined;
      try {
        step(() => {
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
