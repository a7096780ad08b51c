import type { ListQuery } from "../../shared/contracts/ports/batch-store.ts";
import type { Sql, SqlRow, SqlValue } from "../runtime/sql.ts";

/** One page of a table whose ids sort by time, of one workspace or every one. */
export function pageOf<R extends SqlRow>(
  sql: Sql,
  select: string,
  where: readonly string[],
  params: readonly SqlValue[],
  { workspace, after, limit, order }: ListQuery,
): { data: R[]; more: boolean } {
  const conditions = [...where];
  const values = [...params];
  if (workspace !== null) {
    values.push(workspace);
    conditions.push(`workspace = ?${values.length}`);
  }
  if (after !== null) {
    values.push(after);
    conditions.push(`id ${order === "asc" ? ">" : "<"} ?${values.length}`);
  }
  values.push(limit + 1);
  const text = `${select} WHERE ${conditions.join(" AND ")} ORDER BY id ${order === "asc" ? "ASC" : "DESC"} LIMIT ?${values.length}`;
  const rows = sql.all<R>(text, ...values);
  return { data: rows.slice(0, limit), more: rows.length > limit };
}
