import { expect, it } from "vitest";
import { sqlChanges } from "./sql-changes.ts";

/** The file after each change, without what is around the statement. */
const changed = (statement: string): string[] => {
  const [before, after] = ["const READ = `", "`; // WHERE a = b\n"];
  const source = before + statement + after;
  return sqlChanges(source).map(({ start, end, replacement }) => {
    const text = source.slice(0, start) + replacement + source.slice(end);
    return text.slice(before.length, -after.length);
  });
};

it("changes one comparison, connection or order at a time, so that each part of a statement has to be noticed by itself", () => {
  expect(changed("SELECT a FROM t WHERE a = ? AND (b IS NULL OR c <= ?) ORDER BY d DESC")).toEqual([
    "SELECT a FROM t WHERE a = ? OR (b IS NULL OR c <= ?) ORDER BY d DESC",
    "SELECT a FROM t WHERE a = ? AND (b IS NULL AND c <= ?) ORDER BY d DESC",
    "SELECT a FROM t WHERE a = ? AND (b IS NOT NULL OR c <= ?) ORDER BY d DESC",
    "SELECT a FROM t WHERE a = ? AND (b IS NULL OR c < ?) ORDER BY d DESC",
    "SELECT a FROM t WHERE a <> ? AND (b IS NULL OR c <= ?) ORDER BY d DESC",
    "SELECT a FROM t WHERE a = ? AND (b IS NULL OR c <= ?) ORDER BY d",
  ]);
  expect(changed("SELECT a FROM t ORDER BY t.a, b")).toEqual(["SELECT a FROM t ORDER BY t.a DESC, b"]);
});

it("leaves assignments as they are, and changes what they are made of", () => {
  expect(changed("UPDATE t SET a = ?, n = n + 1 WHERE b = ?")).toEqual([
    "UPDATE t SET a = ?, n = n + 1 WHERE b <> ?",
    "UPDATE t SET a = ?, n = n - 1 WHERE b = ?",
  ]);
  expect(changed("INSERT INTO t VALUES (?) ON CONFLICT (a) DO UPDATE SET n = max(n, excluded.n)")).toEqual([
    "INSERT INTO t VALUES (?) ON CONFLICT (a) DO UPDATE SET n = max(n, n)",
    "INSERT INTO t VALUES (?) ON CONFLICT (a) DO UPDATE SET n = min(n, excluded.n)",
  ]);
});

it("touches no code, no comment, no definition of a table and nothing that is no statement", () => {
  const code = [
    "// SELECT a FROM t WHERE a = b",
    "/* DELETE FROM t WHERE a = b */",
    'const words = "this = that and more";',
    "const table = `CREATE TABLE t (a TEXT CHECK (a IS NOT NULL AND a > 1))`;",
    "if (a.b > c.d && e === f) max(1);",
  ];
  expect(sqlChanges(code.join("\n"))).toEqual([]);
  const inserted = `$\{a.b > c.d ? 1 : 2}`;
  expect(changed(`DELETE FROM t WHERE ${inserted} < ?`)).toEqual([`DELETE FROM t WHERE ${inserted} <= ?`]);
});
