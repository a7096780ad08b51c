import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it } from "vitest";
import { err, ok } from "../../shared/contracts/result.ts";
import { NodeSql, openMemorySql } from "./node-sql.ts";

let sql: NodeSql;
beforeEach(() => {
  sql = openMemorySql();
  sql.run("CREATE TABLE t (k INTEGER PRIMARY KEY)");
  sql.run("CREATE TABLE part (k INTEGER REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)");
  sql.takeSchemaTouched();
  sql.takeChanged();
});
const insert = (k: number) => sql.change("INSERT INTO t VALUES (?)", k);
const keys = () => sql.all<{ k: number }>("SELECT k FROM t ORDER BY k").map(({ k }) => k);

describe("a transaction that SQLite ended by itself", () => {
  it("takes no further step, so that nothing of a lost call is committed on its own", () => {
    sql.enter();
    insert(1);
    sql.run("ROLLBACK");
    expect(() => sql.transaction(() => ok(insert(2)))).toThrow("the outer transaction is gone");
    sql.abandon();
    expect([sql.inTransaction, keys()]).toEqual([false, []]);
  });

  it("lets the error through that told of it, and not one of its own clean-up", () => {
    const cause = new Error("the disk is full");
    expect(() =>
      sql.transaction(() => {
        sql.run("ROLLBACK");
        throw cause;
      }),
    ).toThrow(cause);
    expect(sql.transaction(() => ok(insert(1)))).toEqual(ok(1));
    expect(keys()).toEqual([1]);
  });
});

describe("a commit that fails", () => {
  it("leaves no transaction and no row behind, and the next one goes its way", () => {
    expect(() =>
      sql.transaction(() => {
        insert(1);
        return ok(sql.run("INSERT INTO part VALUES (99)"));
      }),
    ).toThrow(/constraint/i);
    expect([sql.inTransaction, keys()]).toEqual([false, []]);
    expect(sql.transaction(() => ok(insert(2)))).toEqual(ok(1));
    expect(keys()).toEqual([2]);
  });
});

describe("a transaction inside another", () => {
  it("is kept with it when both succeed, with savepoints and without, so that no accepted step is undone", () => {
    for (const [n, savepoints] of [true, false].entries()) {
      sql.enter(savepoints);
      insert(10 * n);
      sql.transaction(() => sql.transaction(() => ok(insert(10 * n + 1))));
      insert(10 * n + 2);
      sql.leave();
      expect([sql.inTransaction, sql.mustRepeat]).toEqual([false, false]);
    }
    expect(keys()).toEqual([0, 1, 2, 10, 11, 12]);
  });
});

describe("a statement", () => {
  it("is prepared once, and of many the one that came first is given up, so that generated texts fill no memory", () => {
    const prepared: string[] = [];
    class Counted extends DatabaseSync {
      override prepare(text: string) {
        prepared.push(text);
        return super.prepare(text);
      }
    }
    const counted = new NodeSql(new Counted(":memory:"));
    const text = (n: number) => `SELECT ${n} AS n`;
    for (let n = 0; n < 256; n++) counted.get(text(n));
    for (let n = 0; n < 256; n++) expect(counted.get(text(n))).toEqual({ n });
    expect(prepared).toHaveLength(256);
    counted.get(text(256));
    counted.get(text(1));
    expect(prepared).toHaveLength(257);
    counted.get(text(0));
    expect(prepared.slice(256)).toEqual([text(256), text(0)]);
  });
});

describe("a transaction without savepoints", () => {
  it("is to be run again once an inner step that wrote was refused, and runs no statement until then", () => {
    sql.enter(false);
    insert(1);
    sql.transaction(() => err(insert(2)));
    expect(sql.mustRepeat).toBe(true);
    expect(() => keys()).toThrow("is to be run again");
    sql.abandon();
    sql.enter();
    expect(sql.mustRepeat).toBe(false);
    insert(1);
    sql.transaction(() => err(insert(2)));
    expect(sql.mustRepeat).toBe(false);
    sql.leave();
    expect(keys()).toEqual([1]);
  });

  it("is kept when the inner step that was refused had only read, so that refusals cost no second run", () => {
    sql.enter(false);
    insert(1);
    sql.transaction(() => err(keys()));
    expect(sql.mustRepeat).toBe(false);
    sql.leave();
    expect(keys()).toEqual([1]);
  });
});

describe("what an owner asks after a step", () => {
  it("says once whether rows may have changed: what answers rows may have, what changed none has not", () => {
    const changed = (step: () => unknown) => {
      step();
      return [sql.takeChanged(), sql.takeChanged()];
    };
    expect(changed(() => insert(1))).toEqual([true, false]);
    expect(changed(() => sql.get("INSERT INTO t VALUES (2) RETURNING k"))).toEqual([true, false]);
    expect(changed(() => sql.all("DELETE FROM t WHERE k = 2 RETURNING k"))).toEqual([true, false]);
    expect(changed(() => sql.run("DELETE FROM t WHERE k = 9"))).toEqual([false, false]);
    expect(changed(() => sql.get("SELECT 1 AS one"))).toEqual([false, false]);
  });

  it("says once whether tables may have, and whether something was erased", () => {
    expect([sql.takeSchemaTouched(), sql.takeErased()]).toEqual([false, false]);
    sql.run("CREATE TABLE more (k)");
    expect([sql.takeSchemaTouched(), sql.takeSchemaTouched()]).toEqual([true, false]);
    insert(1);
    expect(sql.takeSchemaTouched()).toBe(false);
    sql.erased();
    expect([sql.takeErased(), sql.takeErased()]).toEqual([true, false]);
  });

  it("is nothing any more once it is closed, so that no late step writes a file that somebody else may hold", () => {
    sql.close();
    expect(() => insert(1)).toThrow();
  });
});
