import assert from "node:assert/strict";
import { dropEverything, isProvisioned, migrate, SchemaTooNew } from "../../durable/runtime/migrate.ts";
import type { Sql } from "../../durable/runtime/sql.ts";
import { clearTimer, dueTimers, nextTimer, setTimer, TIMERS_SCHEMA } from "../../durable/runtime/timers.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { err, ok } from "../../shared/contracts/result.ts";

/** One guarantee of the `Sql` port; each runs on an empty database of its own, in whichever runtime it is called. */
export interface SqlCase {
  title: string;
  run(sql: Sql): void;
}

const table = (sql: Sql) => sql.run("CREATE TABLE t (k INTEGER PRIMARY KEY, v)");
const keys = (sql: Sql) => sql.all<{ k: number }>("SELECT k FROM t ORDER BY k").map(({ k }) => k);

export const SQL_CASES: readonly SqlCase[] = [
  {
    title: "undoes a refused transaction, so that a refusal leaves no partial write",
    run(sql) {
      table(sql);
      const refused = sql.transaction(() => {
        sql.run("INSERT INTO t VALUES (1, 'a')");
        return err({ reason: "no" });
      });
      assert.deepEqual(refused, { ok: false, error: { reason: "no" } });
      assert.deepEqual(keys(sql), []);
    },
  },
  {
    title: "undoes a transaction that throws and lets the same error through",
    run(sql) {
      table(sql);
      const cause = new Error("broken");
      assert.throws(
        () =>
          sql.transaction(() => {
            sql.run("INSERT INTO t VALUES (1, 'a')");
            throw cause;
          }),
        cause,
      );
      assert.deepEqual(keys(sql), []);
    },
  },
  {
    title: "undoes only the inner transaction when only that refuses",
    run(sql) {
      table(sql);
      const outcome = sql.transaction(() => {
        sql.run("INSERT INTO t VALUES (1, 'a')");
        const inner = sql.transaction(() => {
          sql.run("INSERT INTO t VALUES (2, 'b')");
          return err("inner");
        });
        sql.run("INSERT INTO t VALUES (3, 'c')");
        return ok(inner.ok);
      });
      assert.deepEqual(outcome, { ok: true, value: false });
      assert.deepEqual(keys(sql), [1, 3]);
    },
  },
  {
    title: "undoes inner successes when the outer transaction refuses, so that no step outlives its call",
    run(sql) {
      table(sql);
      sql.transaction(() => {
        sql.transaction(() => ok(sql.run("INSERT INTO t VALUES (1, 'a')")));
        return err("outer");
      });
      assert.deepEqual(keys(sql), []);
    },
  },
  {
    title: "goes on after a caught failure of an inner transaction",
    run(sql) {
      table(sql);
      sql.transaction(() => {
        sql.run("INSERT INTO t VALUES (1, 'a')");
        assert.throws(() => sql.transaction(() => ok(sql.run("INSERT INTO t VALUES (1, 'again')"))));
        return ok(sql.run("INSERT INTO t VALUES (2, 'b')"));
      });
      assert.deepEqual(keys(sql), [1, 2]);
    },
  },
  {
    title: "gives bytes back as the same bytes, empty ones too, and null as null",
    run(sql) {
      table(sql);
      const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 256);
      sql.run("INSERT INTO t VALUES (1, ?), (2, ?), (3, ?)", bytes, new Uint8Array(), null);
      const rows = sql.all<{ v: Uint8Array | null }>("SELECT v FROM t ORDER BY k");
      assert.ok(rows[0]?.v instanceof Uint8Array && rows[1]?.v instanceof Uint8Array);
      assert.deepEqual([...rows[0].v], [...bytes]);
      assert.equal(rows[1].v.byteLength, 0);
      assert.equal(rows[2]?.v, null);
      assert.deepEqual(sql.get<{ v: Uint8Array }>("SELECT v FROM t WHERE k = 1")?.v, rows[0].v);
    },
  },
  {
    title: "keeps integers to 2^53 - 1, fractions and any text exactly, so that money and names never change",
    run(sql) {
      table(sql);
      const values = [Number.MAX_SAFE_INTEGER, -1, 0.1, "it's ünï😀\u0000x", ""];
      for (const [k, value] of values.entries()) sql.run("INSERT INTO t VALUES (?, ?)", k, value);
      assert.deepEqual(
        sql.all<{ v: string | number }>("SELECT v FROM t ORDER BY k").map(({ v }) => v),
        values,
      );
    },
  },
  {
    title: "answers how many rows a statement changed, and undefined for no row",
    run(sql) {
      table(sql);
      sql.run("CREATE INDEX by_v ON t (v)");
      assert.equal(sql.change("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'b')"), 3);
      assert.equal(sql.change("UPDATE t SET v = 'c' WHERE v = 'b'"), 2);
      assert.equal(sql.change("DELETE FROM t WHERE k = 9"), 0);
      assert.equal(sql.change("INSERT INTO t VALUES (1, 'x') ON CONFLICT DO NOTHING"), 0);
      assert.equal(sql.get("SELECT k FROM t WHERE k = 9"), undefined);
      assert.deepEqual(sql.get<{ k: number }>("INSERT INTO t VALUES (4, 'd') RETURNING k")?.k, 4);
    },
  },
  {
    title: "moves a table's version when its rows may differ from before, so that nothing remembered outlives them",
    run(sql) {
      table(sql);
      sql.run("CREATE TABLE u (k INTEGER PRIMARY KEY)");
      const moved = (body: () => void): boolean[] => {
        const before = ["t", "u"].map((name) => sql.version(name));
        body();
        return ["t", "u"].map((name, at) => sql.version(name) !== before[at]);
      };
      assert.deepEqual(
        moved(() => sql.all("SELECT k FROM t")),
        [false, false],
      );
      assert.deepEqual(
        moved(() => sql.run("INSERT INTO t VALUES (1, 'a')")),
        [true, false],
      );
      assert.deepEqual(
        moved(() => sql.change("UPDATE t SET v = 'b' WHERE k = 1")),
        [true, false],
      );
      assert.deepEqual(
        moved(() => assert.throws(() => sql.run("INSERT INTO t VALUES (1, 'again')"))),
        [true, false],
      );
      assert.deepEqual(
        moved(() => sql.get("INSERT INTO u VALUES (7) RETURNING k")),
        [false, true],
      );
      assert.deepEqual(
        moved(() => sql.run("DELETE FROM u")),
        [false, true],
      );
      const [was] = [sql.version("t")];
      sql.transaction(() => {
        sql.run("INSERT INTO t VALUES (2, 'c')");
        const inside = sql.version("t");
        sql.transaction(() => err(sql.run("INSERT INTO t VALUES (3, 'd')")));
        assert.notEqual(sql.version("t"), inside);
        return err("undone");
      });
      assert.notEqual(sql.version("t"), was);
      // A statement that names no table plainly may have changed any of them.
      assert.deepEqual(
        moved(() => sql.run("WITH x(k) AS (SELECT 9) INSERT INTO t SELECT k, 'e' FROM x")),
        [true, true],
      );
    },
  },
  {
    title: "refuses more bound parameters than the platform allows on every runtime alike",
    run(sql) {
      table(sql);
      const many = Array.from({ length: LIMITS.sqlParametersMax + 1 }, () => 1);
      const marks = many.map(() => "?").join(", ");
      assert.throws(() => sql.all(`SELECT k FROM t WHERE k IN (${marks})`, ...many), RangeError);
      assert.deepEqual(sql.all(`SELECT k FROM t WHERE k IN (${marks.slice(3)})`, ...many.slice(1)), []);
    },
  },
  {
    title: "migrates once, step by step, and knows that it did",
    run(sql) {
      const first = { id: 1, sql: ["CREATE TABLE t (k INTEGER PRIMARY KEY, v)"] };
      const second = { id: 2, sql: ["ALTER TABLE t ADD COLUMN w TEXT", "INSERT INTO t VALUES (1, 'a', 'b')"] };
      assert.equal(isProvisioned(sql), false);
      assert.equal(migrate(sql, [first]), true);
      assert.equal(isProvisioned(sql), true);
      assert.equal(migrate(sql, [first, second]), true);
      assert.equal(migrate(sql, [first, second]), false);
      assert.deepEqual({ ...sql.get("SELECT k, v, w FROM t") }, { k: 1, v: "a", w: "b" });
    },
  },
  {
    title: "refuses a database that newer code wrote, unless that code said older code may use it",
    run(sql) {
      const first = { id: 1, sql: ["CREATE TABLE t (k INTEGER PRIMARY KEY, v)"] };
      const expanding = { id: 2, sql: ["ALTER TABLE t ADD COLUMN w TEXT"], floor: 1 };
      const contracting = { id: 3, sql: ["ALTER TABLE t DROP COLUMN w"] };
      migrate(sql, [first, expanding]);
      assert.equal(migrate(sql, [first]), false);
      migrate(sql, [first, expanding, contracting]);
      assert.throws(() => migrate(sql, [first, expanding]), SchemaTooNew);
      assert.throws(() => migrate(sql, [first]), SchemaTooNew);
    },
  },
  {
    title: "leaves nothing of a migration that fails, so that it can be tried again",
    run(sql) {
      const broken = [
        { id: 1, sql: ["CREATE TABLE t (k INTEGER PRIMARY KEY, v)"] },
        { id: 2, sql: ["CREATE TABLE u (k)", "CREATE TABLE u (k)"] },
      ];
      assert.throws(() => migrate(sql, broken));
      assert.equal(isProvisioned(sql), false);
      assert.deepEqual(sql.all("SELECT name FROM sqlite_master WHERE name IN ('t', 'u')"), []);
    },
  },
  {
    title: "forgets everything, so that a destroyed object is one that never was",
    run(sql) {
      migrate(sql, [{ id: 1, sql: [...TIMERS_SCHEMA, "CREATE TABLE t (k INTEGER PRIMARY KEY, v)"] }]);
      dropEverything(sql);
      assert.equal(isProvisioned(sql), false);
      assert.equal(migrate(sql, [{ id: 1, sql: ["CREATE TABLE t (k INTEGER PRIMARY KEY, v)"] }]), true);
    },
  },
  {
    title: "keeps due work until it is cleared, earliest first, so that a crash repeats it and never loses it",
    run(sql) {
      migrate(sql, [{ id: 1, sql: TIMERS_SCHEMA }]);
      assert.equal(nextTimer(sql), null);
      setTimer(sql, { kind: "b", key: "1", due_ms: 200 });
      setTimer(sql, { kind: "a", key: "1", due_ms: 300 });
      setTimer(sql, { kind: "a", key: "1", due_ms: 100 });
      assert.equal(nextTimer(sql), 100);
      assert.deepEqual(
        dueTimers(sql, 200, 10).map(({ kind }) => kind),
        ["a", "b"],
      );
      assert.deepEqual(dueTimers(sql, 99, 10), []);
      assert.equal(dueTimers(sql, 200, 1).length, 1);
      assert.equal(clearTimer(sql, "a", "1"), true);
      assert.equal(clearTimer(sql, "a", "1"), false);
      assert.equal(nextTimer(sql), 200);
    },
  },
];
