import { describe, expect, it } from "vitest";
import { dropEverything, isProvisioned, migrate } from "../../../durable/runtime/migrate.ts";
import { NodeSql } from "../../../durable/runtime/node-sql.ts";
import { placeRows } from "../../../durable/runtime/object-rows.ts";
import { sessionClass } from "../../../durable/session/core.ts";
import { giveDatabase, SimulatedDatabase, takeDatabase } from "./database.ts";

const noted = (sql: NodeSql): number => sql.get<{ n: number }>("SELECT count(*) AS n FROM _migrations")?.n ?? 0;

describe("the databases of simulated objects", () => {
  it("behave as an empty one until they are migrated, and again when that is undone, so that strangers make no objects", () => {
    const sql = new NodeSql(new SimulatedDatabase(sessionClass));
    expect(isProvisioned(sql)).toBe(false);
    sql.enter();
    expect(migrate(sql, sessionClass.migrations)).toBe(true);
    expect(isProvisioned(sql)).toBe(true);
    sql.abandon();
    expect(isProvisioned(sql)).toBe(false);
    expect(migrate(sql, sessionClass.migrations)).toBe(true);
    expect([noted(sql), migrate(sql, sessionClass.migrations)]).toEqual([sessionClass.migrations.length, false]);
    dropEverything(sql);
    expect(isProvisioned(sql)).toBe(false);
  });

  it("keep no row of one object for the next, so that a seed has one history whatever ran before it", () => {
    const db = takeDatabase(sessionClass);
    const sql = new NodeSql(db);
    placeRows(sql, sessionClass.migrations, "an archive", []);
    placeRows(sql, sessionClass.migrations, "another archive", []);
    sql.enter();
    giveDatabase(db);
    const next = takeDatabase(sessionClass);
    expect(next).toBe(db);
    const tables = next.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    expect(tables.length).toBeGreaterThan(2);
    expect(tables).not.toContainEqual({ name: "_placed" });
    for (const { name } of tables) expect(next.prepare(`SELECT * FROM "${name}"`).all()).toEqual([]);
    expect(isProvisioned(new NodeSql(next))).toBe(false);
  });
});
