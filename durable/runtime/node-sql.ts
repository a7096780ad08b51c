import { DatabaseSync, type StatementSync } from "node:sqlite";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Result } from "../../shared/contracts/result.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";

/** Prepared statements kept per connection; a core has some dozens, so only generated texts are ever dropped. */
const STATEMENTS_MAX = 256;

/**
 * `Sql` over one `node:sqlite` connection (Deno and Node). The outermost transaction is BEGIN … COMMIT, unless the
 * owner of the connection has begun one itself; inner ones are savepoints. Throws SQLite's own errors.
 */
export class NodeSql implements Sql {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, { statement: StatementSync; schema: boolean }>();
  #depth = 0;
  #schemaTouched = false;
  #changesSeen = 0;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  all<R extends SqlRow>(text: string, ...params: SqlValue[]): R[] {
    return this.#prepare(text, params).all(...params) as R[]; // safe because: the caller names the columns it selects
  }

  get<R extends SqlRow>(text: string, ...params: SqlValue[]): R | undefined {
    return this.#prepare(text, params).get(...params) as R | undefined; // safe because: as for `all`
  }

  run(text: string, ...params: SqlValue[]): void {
    this.#prepare(text, params).run(...params);
  }

  change(text: string, ...params: SqlValue[]): number {
    return Number(this.#prepare(text, params).run(...params).changes);
  }

  transaction<T, E>(body: () => Result<T, E>): Result<T, E> {
    this.enter();
    let result: Result<T, E>;
    try {
      result = body();
      if (result.ok) this.leave();
    } catch (cause) {
      this.abandon();
      throw cause;
    }
    if (!result.ok) this.abandon();
    return result;
  }

  /** Opens a transaction, or a savepoint inside the open one. For owners of the connection; cores use `transaction`. */
  enter(): void {
    // A savepoint outside a transaction would begin one of its own and commit it, past whoever owns the outer one.
    if (this.#depth > 0 && !this.#db.isTransaction) throw new Error("the outer transaction is gone");
    this.run(this.#depth === 0 ? "BEGIN" : `SAVEPOINT s${this.#depth}`);
    this.#depth++;
  }

  /** Keeps what was written since the matching `enter`; at the outermost level it commits. */
  leave(): void {
    // A COMMIT that fails leaves the transaction open, and `abandon` must still be able to end it: count afterwards.
    this.run(this.#depth === 1 ? "COMMIT" : `RELEASE s${this.#depth - 1}`);
    this.#depth--;
  }

  /** Undoes what was written since the matching `enter`. */
  abandon(): void {
    this.#depth--;
    // SQLite rolls back by itself on a full disk or an I/O error; there is then nothing left to undo.
    if (!this.#db.isTransaction) return;
    if (this.#depth === 0) this.run("ROLLBACK");
    else {
      this.run(`ROLLBACK TO s${this.#depth}`);
      this.run(`RELEASE s${this.#depth}`);
    }
  }

  /** Whether the transaction that `enter` opened is still there; false after SQLite rolled it back by itself. */
  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** Whether the schema may have changed since the last question. */
  takeSchemaTouched(): boolean {
    const touched = this.#schemaTouched;
    this.#schemaTouched = false;
    return touched;
  }

  /** Whether rows were written since the last question, rolled back or not. */
  takeChanged(): boolean {
    const total = this.get<{ total: number }>("SELECT total_changes() AS total")?.total ?? 0;
    const changed = total !== this.#changesSeen;
    this.#changesSeen = total;
    return changed;
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(text: string, params: SqlValue[]): StatementSync {
    if (params.length > LIMITS.sqlParametersMax) throw new RangeError("more bound parameters than the platform allows");
    const known = this.#statements.get(text);
    if (known) {
      if (known.schema) this.#schemaTouched = true;
      return known.statement;
    }
    const statement = this.#db.prepare(text);
    const schema = /^\s*(?:CREATE|DROP|ALTER)\b/i.test(text);
    if (schema) this.#schemaTouched = true;
    if (this.#statements.size >= STATEMENTS_MAX) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest);
        break;
      }
    }
    this.#statements.set(text, { statement, schema });
    return statement;
  }
}

/** A database of its own in memory, for tests of cores. */
export const openMemorySql = (): NodeSql => new NodeSql(new DatabaseSync(":memory:"));
