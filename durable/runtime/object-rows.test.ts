import { describe, expect, it } from "vitest";
import type { TableRows } from "../../shared/contracts/tenant-move.ts";
import { migrate } from "./migrate.ts";
import { openMemorySql } from "./node-sql.ts";
import { dumpRows, placeRows } from "./object-rows.ts";
import type { Migration, Sql } from "./sql.ts";

const MIGRATIONS: readonly Migration[] = [
  { id: 1, sql: ["CREATE TABLE item (id TEXT PRIMARY KEY, body BLOB)", "CREATE TABLE own (n INTEGER PRIMARY KEY)"] },
];
const rows = (...ids: string[]): TableRows[] => [
  { table: "item", columns: ["id", "body"], rows: ids.map((id) => [id, ["AQI="]]) },
];
function object(): Sql {
  const sql = openMemorySql();
  migrate(sql, MIGRATIONS);
  return sql;
}
const ids = (sql: Sql) => sql.all<{ id: string }>("SELECT id FROM item ORDER BY id").map(({ id }) => id);
const place = (sql: Sql, archive: string, tables: TableRows[]) =>
  expect(placeRows(sql, MIGRATIONS, archive, tables)).toEqual({ ok: true, value: null });

describe("rows of an archive that are placed in an object", () => {
  it("come to the same in whatever order two writers write them, so that two imports at once lose nothing", () => {
    const [one, two] = [object(), object()];
    for (const part of [rows("a", "b"), rows("c")]) place(one, "m", part);
    // The second writer is one part behind, and ends before it wrote the last.
    for (const part of [rows("a", "b"), rows("c"), rows("a", "b")]) place(two, "m", part);
    expect([ids(one), ids(two)]).toEqual([
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
  });

  it("leave nothing of what stood there before, whoever wrote it", () => {
    const sql = object();
    sql.run("INSERT INTO item (id) VALUES ('stale')");
    place(sql, "first", rows("a", "b"));
    expect(ids(sql)).toEqual(["a", "b"]);
    place(sql, "second", rows("c"));
    expect(ids(sql)).toEqual(["c"]);
  });

  it("are not written where their table is another one, and then nothing that stood there is gone", () => {
    const sql = object();
    sql.run("INSERT INTO item (id) VALUES ('stays')");
    const foreign = [{ table: "item", columns: ["id"], rows: [["a"]] }];
    expect(placeRows(sql, MIGRATIONS, "m", foreign)).toMatchObject({ error: { reason: "schema_differs" } });
    expect(ids(sql)).toEqual(["stays"]);
  });

  it("are dumped with their timers last, so that no alarm finds a timer without what it is for", () => {
    const sql = object();
    sql.run("CREATE TABLE _timers (kind TEXT PRIMARY KEY)");
    expect(dumpRows(sql, null, 1_000).tables.map(({ table }) => table)).toEqual(["item", "own", "_timers"]);
  });

  it("are dumped again as they were placed, without the mark and without what is the object's own", () => {
    const sql = object();
    place(sql, "m", rows("a"));
    sql.run("INSERT INTO own (n) VALUES (1)");
    const order = { first: [], last: [], never: ["own"] };
    expect(dumpRows(sql, null, 1_000, order)).toEqual({ tables: rows("a"), next: null });
  });
});
