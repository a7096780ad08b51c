import type { JsonValue } from "../json.ts";

export interface Statement {
  text: string;
  params: readonly (JsonValue | Uint8Array)[];
}
export type Row = Record<string, JsonValue>;

/**
 * The control plane's registry and read models in Postgres; never on the path of an inference call. All statements of a
 * call are one transaction, run as a non-owner role with a transaction-local tenant, so row-level security holds.
 */
export interface ControlDb {
  /** Rows of each statement, in order. Rejects with `ControlDbUnavailable` or `ConstraintViolation`; then nothing was written. */
  withTenant(tenant: string, statements: readonly Statement[]): Promise<Row[][]>;
  /** For the cell's own tables without tenant rows (migrations, directory). */
  asOperator(statements: readonly Statement[]): Promise<Row[][]>;
  /** Fails unless the role owns no table, is no superuser and cannot bypass row-level security. */
  ready(): Promise<{ ready: boolean; reason: string | null }>;
  close(): Promise<void>;
}

export class ControlDbUnavailable extends Error {
  override readonly name = "ControlDbUnavailable";
}
export class ConstraintViolation extends Error {
  override readonly name = "ConstraintViolation";
  readonly constraint: string;
  constructor(constraint: string, options?: ErrorOptions) {
    super(`constraint ${constraint}`, options);
    this.constraint = constraint;
  }
}
