import { ConstraintViolation, type Row, type Statement } from "../../../shared/contracts/ports/control-db.ts";

/** One step of the schema, as data. `id` increases by one; the statements never change once released. */
export interface SchemaMigration {
  id: number;
  name: string;
  statements: readonly string[];
}

/** A released migration reads differently from what was applied, or history has a gap: nobody may guess on. */
export class MigrationRefused extends Error {
  override readonly name = "MigrationRefused";
}

/** Serialises runners in one database; any constant that nothing else uses. */
const LOCK: Statement = { text: "select pg_advisory_xact_lock(7205759403792793)", params: [] };
const plain = (text: string): Statement => ({ text, params: [] });

/** SHA-256 hex over the statements, as JSON so that their borders count. */
export async function checksum(migration: SchemaMigration): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(migration.statements));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Applies what is missing, each step in a transaction that also records it: if we crash, a step happened whole or not at
 * all. Runners exclude each other by an advisory lock and by the recorded row. Answers the ids that this call applied.
 * Throws `MigrationRefused` before anything is changed when an applied step was edited. Steps of a newer release stay.
 */
export async function migrate(
  asOwner: (statements: readonly Statement[]) => Promise<Row[][]>,
  migrations: readonly SchemaMigration[],
): Promise<number[]> {
  await asOwner([
    LOCK,
    plain("create schema if not exists bailiwick"),
    plain(`create table if not exists bailiwick.schema_migrations (id integer primary key, name text not null,
      checksum text not null, applied_at timestamptz not null default now())`),
  ]);
  const applied: number[] = [];
  for (;;) {
    const pending = await pendingOf(asOwner, migrations);
    const next = pending[0];
    if (next === undefined) return applied;
    const record: Statement = {
      text: "insert into bailiwick.schema_migrations (id, name, checksum) values ($1, $2, $3)",
      params: [next.id, next.name, await checksum(next)],
    };
    try {
      await asOwner([LOCK, record, ...next.statements.map(plain)]);
      applied.push(next.id);
    } catch (error) {
      // Another runner was first: read again what is left. Each round leaves at least one step fewer.
      if (!(error instanceof ConstraintViolation && error.constraint === "schema_migrations_pkey")) throw error;
    }
  }
}

async function pendingOf(
  asOwner: (statements: readonly Statement[]) => Promise<Row[][]>,
  migrations: readonly SchemaMigration[],
): Promise<SchemaMigration[]> {
  const [, rows] = await asOwner([LOCK, plain("select id, checksum from bailiwick.schema_migrations order by id")]);
  const recorded = new Map((rows ?? []).map((row) => [row.id, row.checksum]));
  const pending: SchemaMigration[] = [];
  for (const migration of migrations) {
    const before = recorded.get(migration.id);
    if (before === undefined) pending.push(migration);
    else if (before !== (await checksum(migration))) {
      throw new MigrationRefused(`migration ${migration.id} (${migration.name}) was edited after it was applied`);
    } else if (pending.length > 0) {
      throw new MigrationRefused(`migration ${pending[0]?.id} is missing below the applied ${migration.id}`);
    }
  }
  return pending;
}
