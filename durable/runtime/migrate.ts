import { err, ok } from "../../shared/contracts/result.ts";
import type { Migration, Sql } from "./sql.ts";

/** The database was written by newer code whose floor this code does not reach; nothing was changed. */
export class SchemaTooNew extends Error {
  override readonly name = "SchemaTooNew";
  constructor(floor: number, known: number) {
    super(`the database needs schema ${floor}, this code knows ${known}`);
  }
}

/** Whether the object was ever provisioned and not destroyed since. Reads only. */
export const isProvisioned = (sql: Sql): boolean =>
  sql.get("SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = '_migrations'") !== undefined;

/**
 * Brings the schema up to date in one transaction and answers whether anything was applied. Each applied step records
 * its floor, the oldest schema id whose code still works on the result. Throws `SchemaTooNew` for code below it.
 */
export function migrate(sql: Sql, migrations: readonly Migration[]): boolean {
  const known = migrations.at(-1)?.id ?? 0;
  const fresh = !isProvisioned(sql);
  const state = fresh
    ? { applied: 0, floor: 0 }
    : sql.get<{ applied: number; floor: number }>(
        "SELECT coalesce(max(id), 0) AS applied, coalesce(max(floor), 0) AS floor FROM _migrations",
      );
  if (!state) throw new Error("an aggregate answered no row");
  if (state.floor > known) throw new SchemaTooNew(state.floor, known);
  const pending = migrations.filter((migration) => migration.id > state.applied);
  if (!fresh && pending.length === 0) return false;
  const done = sql.transaction(() => {
    sql.run("CREATE TABLE IF NOT EXISTS _migrations (id INTEGER PRIMARY KEY, floor INTEGER NOT NULL)");
    let last = state.applied;
    for (const { id, floor, sql: steps } of pending) {
      if (id <= last) return err(id);
      for (const step of steps) sql.run(step);
      sql.run("INSERT INTO _migrations (id, floor) VALUES (?, ?)", id, floor ?? id);
      last = id;
    }
    return ok(null);
  });
  if (!done.ok) throw new Error(`migration ${done.error} is out of order`);
  return true;
}

/**
 * Drops every table, so that the object counts as never provisioned; the shell then gives its storage back. The way a
 * core destroys or expires itself; part of the running transaction.
 */
export function dropEverything(sql: Sql): void {
  const tables = sql.all<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'",
  );
  for (const { name } of tables) sql.run(`DROP TABLE "${name.replaceAll('"', '""')}"`);
}
