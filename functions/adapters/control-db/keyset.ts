import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { Row } from "../../../shared/contracts/ports/control-db.ts";
import type { Keyset, KeysetPage, KeysetQuery } from "../../../shared/contracts/ports/control-repository.ts";

/** Largest page plus one: whether there is more is read, never counted. */
export const rowsAsked = (page: KeysetQuery): number => Math.min(Math.max(1, page.limit), LIMITS.pageItemsMax) + 1;

/** Cuts the row that says "there is more" and answers where the next page starts. */
export function pageOf<T>(
  rows: readonly Row[],
  page: KeysetQuery,
  parse: (row: Row) => T,
  at: (item: T) => Keyset,
): KeysetPage<T> {
  const size = rowsAsked(page) - 1;
  const items = rows.slice(0, size).map(parse);
  const last = items.at(-1);
  return { items, next: rows.length > size && last !== undefined ? at(last) : null };
}
