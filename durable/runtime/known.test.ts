import { beforeEach, describe, expect, it } from "vitest";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err } from "../../shared/contracts/result.ts";
import { Known, KnownRows } from "./known.ts";
import { type NodeSql, openMemorySql } from "./node-sql.ts";

let sql: NodeSql;
const insert = (k: string, v: number) => sql.run("INSERT INTO t VALUES (?, ?)", k, v);
beforeEach(() => {
  sql = openMemorySql();
  sql.run("CREATE TABLE t (k TEXT PRIMARY KEY, v INTEGER)");
  sql.run("CREATE TABLE other (k TEXT PRIMARY KEY)");
});

describe("what a core knows of its rows", () => {
  it("is forgotten when anything writes the table, so no decision rests on a row that has changed", () => {
    const fact = new Known<number>("t");
    fact.set(sql, 1);
    sql.run("INSERT INTO other VALUES ('a')");
    expect(fact.get(sql)).toBe(1);
    insert("a", 2);
    expect(fact.get(sql)).toBeUndefined();
  });

  it("is forgotten when what it tells is undone, so a refused call leaves no trace in memory either", () => {
    const rows = new KnownRows<string, number>("t");
    insert("a", 1);
    rows.set(sql, "a", 1);
    sql.transaction(() => {
      rows.through(sql, () => sql.run("UPDATE t SET v = 2 WHERE k = 'a'"), "a", 2);
      expect(rows.get(sql, "a")).toBe(2);
      return err("refused");
    });
    expect(rows.get(sql, "a")).toBeUndefined();
  });

  it("outlives the writes that say what they changed, and those only", () => {
    const rows = new KnownRows<string, number>("t");
    rows.through(sql, () => insert("a", 1), "a", 1);
    rows.throughAll(sql, () => sql.run("INSERT INTO t VALUES ('b', 2), ('c', 3)"), [
      ["b", 2],
      ["c", 3],
    ]);
    rows.through(sql, () => sql.run("DELETE FROM t WHERE k = 'b'"), "b", null);
    expect(["a", "b", "c"].map((k) => rows.get(sql, k))).toEqual([1, undefined, 3]);
    expect(sql.all("SELECT k, v FROM t ORDER BY k").map(({ k, v }) => [k, v])).toEqual([
      ["a", 1],
      ["c", 3],
    ]);
    insert("d", 4);
    rows.through(sql, () => insert("e", 5), "e", 5);
    expect(["a", "c", "d", "e"].map((k) => rows.get(sql, k))).toEqual([undefined, undefined, undefined, 5]);
  });

  it("is not taken over when the write fails, so a refused insert is never taken for a row", () => {
    const rows = new KnownRows<string, number>("t");
    insert("a", 1);
    expect(() => rows.through(sql, () => insert("a", 2), "a", 2)).toThrow();
    expect(rows.get(sql, "a")).toBeUndefined();
  });

  it("belongs to one database, so tenants never see each other's rows", () => {
    const rows = new KnownRows<string, number>("t");
    rows.set(sql, "a", 1);
    expect(rows.get(openMemorySql(), "a")).toBeUndefined();
  });

  it("is bounded, so a flood of keys cannot fill memory", () => {
    const rows = new KnownRows<number, number>("t");
    for (let k = 0; k <= LIMITS.knownRowsMax; k++) rows.set(sql, k, k);
    expect([rows.get(sql, 0), rows.get(sql, 1), rows.get(sql, LIMITS.knownRowsMax)]).toEqual([
      undefined,
      1,
      LIMITS.knownRowsMax,
    ]);
  });
});
