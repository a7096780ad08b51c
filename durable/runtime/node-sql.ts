import { DatabaseSync, type StatementSync } from "node:sqlite";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Result } from "../../shared/contracts/result.ts";
import type { Sql, SqlRow, SqlValue } from "./sql.ts";
import { TableVersions, type Touch, touchOf } from "./table-versions.ts";

/** Prepared statements kept per connection; a core has some dozens, so only generated texts are ever dropped. */
const STATEMENTS_MAX = 256;

interface Prepared extends Touch {
  statement: StatementSync;
}

/**
 * `Sql` over one `node:sqlite` connection (Deno and Node). The outermost transaction is BEGIN … COMMIT, inner ones are
 * savepoints, unless the owner of the connection opens one without them. Throws SQLite's own errors.
 */
export class NodeSql implements Sql {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, Prepared>();
  readonly #versions = new TableVersions();
  /** For each open transaction, the count of writes when it was entered. */
  readonly #entered: number[] = [];
  #writes = 0;
  #savepoints = true;
  #mustRepeat = false;
  #changed = false;
  #schemaTouched = false;
  #erased = false;

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  all<R extends SqlRow>(text: string, ...params: SqlValue[]): R[] {
    return this.#reading(text, params).all(...params) as R[]; // safe because: the caller names the columns it selects
  }

  get<R extends SqlRow>(text: string, ...params: SqlValue[]): R | undefined {
    return this.#reading(text, params).get(...params) as R | undefined; // safe because: as for `all`
  }

  run(text: string, ...params: SqlValue[]): void {
    this.change(text, ...params);
  }

  change(text: string, ...params: SqlValue[]): number {
    const prepared = this.#prepare(text, params);
    const changes = Number(prepared.statement.run(...params).changes);
    if (prepared.kind === "write" && changes > 0) this.#changed = true;
    return changes;
  }

  version(table: string): number {
    return this.#versions.of(table);
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

  /**
   * Opens a transaction, or a savepoint inside the open one. For owners of the connection; cores use `transaction`.
   * Without savepoints, inner transactions that wrote cannot be undone alone: then `mustRepeat` says that all of the
   * outermost one has to be undone and run again, with savepoints.
   */
  enter(savepoints = true): void {
    const depth = this.#entered.length;
    // A savepoint outside a transaction would begin one of its own and commit it, past whoever owns the outer one.
    if (depth > 0 && !this.#db.isTransaction) throw new Error("the outer transaction is gone");
    if (depth === 0) {
      this.#control("BEGIN");
      this.#savepoints = savepoints;
      this.#mustRepeat = false;
    } else if (this.#savepoints) this.#control(`SAVEPOINT s${depth}`);
    this.#entered.push(this.#writes);
  }

  /** Keeps what was written since the matching `enter`; at the outermost level it commits. */
  leave(): void {
    const depth = this.#entered.length - 1;
    // A COMMIT that fails leaves the transaction open, and `abandon` must still be able to end it: count afterwards.
    if (depth === 0) this.#control("COMMIT");
    else if (this.#savepoints) this.#control(`RELEASE s${depth}`);
    this.#entered.pop();
  }

  /** Undoes what was written since the matching `enter`. */
  abandon(): void {
    const wrote = this.#entered.pop() !== this.#writes;
    const depth = this.#entered.length;
    this.#versions.undone();
    // SQLite rolls back by itself on a full disk or an I/O error; there is then nothing left to undo.
    if (!this.#db.isTransaction) return;
    if (depth === 0) this.#control("ROLLBACK");
    else if (this.#savepoints) {
      this.#control(`ROLLBACK TO s${depth}`);
      this.#control(`RELEASE s${depth}`);
    } else if (wrote) this.#mustRepeat = true;
  }

  /** Whether something in the open transaction should have been undone and was not; no statement runs any more. */
  get mustRepeat(): boolean {
    return this.#mustRepeat;
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

  erased(): void {
    this.#erased = true;
  }

  /** Whether something was erased since the last question, undone or not. */
  takeErased(): boolean {
    const erased = this.#erased;
    this.#erased = false;
    return erased;
  }

  /** Whether rows may have changed since the last question, undone or not. */
  takeChanged(): boolean {
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  /** Statements that answer rows; of those with RETURNING it is not known how many rows they changed. */
  #reading(text: string, params: SqlValue[]): StatementSync {
    const { kind, statement } = this.#prepare(text, params);
    if (kind === "write") this.#changed = true;
    return statement;
  }

  /** The statement, which is about to run: what it may change counts as changed, also when it fails. */
  #prepare(text: string, params: SqlValue[]): Prepared {
    if (params.length > LIMITS.sqlParametersMax) throw new RangeError("more bound parameters than the platform allows");
    if (this.#mustRepeat) throw new Error("the transaction is to be run again");
    const prepared = this.#prepared(text);
    if (prepared.kind !== "read") {
      this.#writes++;
      this.#versions.wrote(prepared);
      if (prepared.kind === "schema") this.#schemaTouched = true;
    }
    return prepared;
  }

  #control(text: string): void {
    this.#prepared(text).statement.run();
  }

  #prepared(text: string): Prepared {
    let prepared = this.#statements.get(text);
    if (prepared) return prepared;
    prepared = { ...touchOf(text), statement: this.#db.prepare(text) };
    if (this.#statements.size >= STATEMENTS_MAX) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest);
        break;
      }
    }
    this.#statements.set(text, prepared);
    return prepared;
  }
}

/** A database of its own in memory, for tests of cores. */
export const openMemorySql = (): NodeSql => new NodeSql(new DatabaseSync(":memory:"));
