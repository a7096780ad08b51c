import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { RowsCursor, TableRows } from "../../shared/contracts/tenant-move.ts";
import { decodeBase64, encodeBase64 } from "../../shared/crypto/log/base64.ts";
import { dropEverything, migrate } from "./migrate.ts";
import type { Migration, Sql, SqlRow, SqlValue } from "./sql.ts";

type RowValue = TableRows["rows"][number][number];
/** The longest rows are of 2 MiB. */
const ROWS_A_STEP = 16;
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Says of which archive the rows of this object are, while a tenant arrives and after. */
const PLACED = "_placed";

/** Every table of the object but the schema's own, in the order in which they are dumped: `first` … others … `last`. */
export function tablesOf(sql: Sql, { first, last, never = [] }: DumpOrder = IN_ORDER): string[] {
  const names = sql
    .all<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('_migrations', '${PLACED}')
       AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .map(({ name }) => name)
    .filter((name) => !never.includes(name));
  const there = (wanted: readonly string[]) => wanted.filter((name) => names.includes(name));
  const between = names.filter((name) => !first.includes(name) && !last.includes(name));
  return [...there(first), ...between, ...there(last)];
}

export interface DumpOrder {
  first: readonly string[];
  last: readonly string[];
  /** What is this object's own, and not dumped. */
  never?: readonly string[];
}
/** Timers come last: what they are for stands there before the alarm that it wakes. */
const IN_ORDER: DumpOrder = { first: [], last: ["_timers"] };

/** The id of the schema's newest applied step. */
export const schemaOf = (sql: Sql): number =>
  sql.get<{ id: number }>("SELECT coalesce(max(id), 0) AS id FROM _migrations")?.id ?? 0;

type Column = { name: string; pk: number };
const columnsOf = (sql: Sql, table: string): Column[] =>
  sql.all<Column>("SELECT name, pk FROM pragma_table_info(?) ORDER BY cid", table);

/** Columns whose values are a row's place in its table. */
function placeOf(sql: Sql, table: string, columns: readonly Column[]): string[] {
  const bare = sql.get("SELECT 1 AS found FROM pragma_table_list WHERE name = ? AND wr = 1", table) === undefined;
  if (bare) return ["rowid"];
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
  return key.map(({ name }) => name);
}

/**
 * About `bytesMax` of the object's rows from `cursor` on (null: from the beginning), and where the next ones are; `next`
 * null: that was all. One call is one instant; between two, whatever is dumped must not be written.
 */
export function dumpRows(
  sql: Sql,
  cursor: RowsCursor | null,
  bytesMax: number,
  order: DumpOrder = IN_ORDER,
): { tables: TableRows[]; next: RowsCursor | null } {
  const names = tablesOf(sql, order);
  const tables: TableRows[] = [];
  let bytes = 0;
  for (let at = cursor === null ? 0 : names.indexOf(cursor.table); at >= 0 && at < names.length; at++) {
    const table = names[at] ?? "";
    const columns = columnsOf(sql, table);
    const place = placeOf(sql, table, columns);
    const out: TableRows = { table, columns: columns.map(({ name }) => name), rows: [] };
    let after = cursor?.table === table ? cursor.after : null;
    for (;;) {
      const rows = rowsAfter(sql, table, columns, place, after);
      for (const row of rows) {
        out.rows.push(columns.map(({ name }) => valueOut(row[name] ?? null)));
        bytes += sizeOf(row);
        after = place.map((_, n) => row[`_place${n}`] ?? null);
        if (bytes >= bytesMax) return { tables: [...tables, out], next: { table, after } };
      }
      if (rows.length < ROWS_A_STEP) break;
    }
    tables.push(out);
  }
  return { tables, next: null };
}

function rowsAfter(
  sql: Sql,
  table: string,
  columns: readonly Column[],
  place: readonly string[],
  after: SqlValue[] | null,
): SqlRow[] {
  const key = place.map(quoted).join(", ");
  const shown = [
    ...columns.map(({ name }) => quoted(name)),
    ...place.map((name, n) => `${quoted(name)} AS _place${n}`),
  ];
  const behind = after === null ? "" : `WHERE (${key}) > (${place.map(() => "?").join(", ")})`;
  return sql.all(
    `SELECT ${shown.join(", ")} FROM ${quoted(table)} ${behind} ORDER BY ${key} LIMIT ${ROWS_A_STEP}`,
    ...(after ?? []),
  );
}

const valueOut = (value: SqlValue): RowValue => (value instanceof Uint8Array ? [encodeBase64(value)] : value);

function sizeOf(row: SqlRow): number {
  let bytes = 0;
  for (const value of Object.values(row))
    bytes += typeof value === "string" ? value.length : value instanceof Uint8Array ? value.byteLength : 8;
  return bytes;
}

/** The rows are of a schema that this object does not have. */
export type RowsRefusal = { reason: "schema_differs"; detail: string };

/**
 * Writes rows as they were dumped; a row whose key is there is replaced, so the same rows twice are as good as once. Part
 * of the running transaction. `change` may alter a row before it is written, or leave it out with null.
 */
export function restoreRows(
  sql: Sql,
  tables: readonly TableRows[],
  change: (table: string, row: SqlRow) => SqlRow | null = (_table, row) => row,
): Result<null, RowsRefusal> {
  const known = new Set(tablesOf(sql));
  for (const { table, columns, rows } of tables) {
    const own = known.has(table) ? columnsOf(sql, table).map(({ name }) => name) : [];
    if (own.join() !== columns.join()) return err({ reason: "schema_differs", detail: `the table ${table}` });
    const text = `INSERT OR REPLACE INTO ${quoted(table)} (${columns.map(quoted).join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
    for (const values of rows) {
      if (values.length !== columns.length) return err({ reason: "schema_differs", detail: `a row of ${table}` });
      const row: SqlRow = {};
      for (const [n, name] of columns.entries()) {
        const read = valueIn(values[n] ?? null);
        if (read === undefined) return err({ reason: "schema_differs", detail: `bytes of ${table}` });
        row[name] = read;
      }
      const written = change(table, row);
      if (written !== null) sql.run(text, ...columns.map((name) => written[name] ?? null));
    }
  }
  return ok(null);
}

/**
 * Writes rows of one archive into an object that is to be what that archive says. What stands here of anything else gives
 * way first; what was written of it before stays, so that two who write the same archive at once do no harm.
 */
export function placeRows(
  sql: Sql,
  migrations: readonly Migration[],
  archive: string,
  tables: readonly TableRows[],
): Result<null, RowsRefusal> {
  return sql.transaction((): Result<null, RowsRefusal> => {
    if (placedOf(sql) !== archive) {
      dropEverything(sql);
      migrate(sql, migrations);
      sql.run(`CREATE TABLE ${PLACED} (archive TEXT NOT NULL)`);
      sql.run(`INSERT INTO ${PLACED} (archive) VALUES (?)`, archive);
    }
    return restoreRows(sql, tables);
  });
}

/** Of an object that an archive does not have: what stands here of anything else goes. */
export function removeRows(sql: Sql, archive: string): void {
  if (placedOf(sql) !== archive) dropEverything(sql);
}

function placedOf(sql: Sql): string | null {
  if (sql.get("SELECT 1 AS found FROM sqlite_master WHERE name = ?", PLACED) === undefined) return null;
  return sql.get<{ archive: string }>(`SELECT archive FROM ${PLACED}`)?.archive ?? null;
}

const valueIn = (value: RowValue): SqlValue | undefined =>
  Array.isArray(value) ? (decodeBase64(value[0]) ?? undefined) : value;
