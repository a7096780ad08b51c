import pg from "pg";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { ControlDbUnavailable, type Row } from "../../../shared/contracts/ports/control-db.ts";
import { type ControlDbOptions, controlDb, type MigratableControlDb } from "./control-db.ts";
import { decode, type EncodedStatement, type Executor } from "./values.ts";

export interface PostgresOptions extends ControlDbOptions {
  /** `postgres://user:password@host:port/database`; `sslmode` as libpq has it. */
  connectionString: string;
  connectionsMax?: number;
}

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid: number) => (text: string | Uint8Array) => decode(oid, String(text)),
};

/**
 * PostgreSQL over a bounded pool: connecting, each statement and the whole transaction have time limits. A connection on
 * which anything but a refused statement happened is closed, never reused, so no half transaction is inherited.
 */
export function postgresControlDb(options: PostgresOptions): MigratableControlDb {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.connectionsMax ?? LIMITS.controlDbConnectionsMax,
    connectionTimeoutMillis: LIMITS.controlDbConnectMsMax,
    idleTimeoutMillis: 60_000,
    query_timeout: LIMITS.controlDbStatementMsMax + 1_000,
    idle_in_transaction_session_timeout: LIMITS.controlDbTransactionMsMax,
    keepAlive: true,
    application_name: "bailiwick",
    types,
  });
  // An idle connection that breaks has no caller to tell; the pool drops it and the next call connects anew.
  pool.on("error", () => undefined);
  return controlDb(poolExecutor(pool), options);
}

const poolExecutor = (pool: pg.Pool): Executor => ({
  async transaction(statements) {
    const client = await pool.connect();
    let broken: Error | undefined;
    // Without a listener a connection that breaks between two statements would end the process.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on("error", onError);
    try {
      const rows = await within(LIMITS.controlDbTransactionMsMax, runAll(client, statements));
      return rows;
    } catch (error) {
      broken ??= await rolledBack(client, error);
      throw error;
    } finally {
      client.off("error", onError);
      client.release(broken);
    }
  },
  close: () => pool.end(),
});

async function runAll(client: pg.PoolClient, statements: readonly EncodedStatement[]): Promise<Row[][]> {
  const results: Row[][] = [];
  await client.query("begin");
  for (const { text, params } of statements) {
    // The extended protocol takes one statement only, also when there are no parameters.
    const query = { text, values: params, queryMode: "extended" };
    results.push((await client.query<Row>(query)).rows);
  }
  // If the connection breaks here the outcome is unknown: callers repeat with idempotent statements.
  await client.query("commit");
  return results;
}

/** Undoes after a refused statement; answers why the connection must not be used again. */
async function rolledBack(client: pg.PoolClient, error: unknown): Promise<Error | undefined> {
  if (!(error instanceof pg.DatabaseError) || error.severity !== "ERROR") {
    return error instanceof Error ? error : new Error("unknown failure", { cause: error });
  }
  try {
    await client.query("rollback");
    return undefined;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error("rollback failed", { cause: failure });
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ControlDbUnavailable(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
