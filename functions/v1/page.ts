import type { PageQuery } from "../../shared/contracts/http/page.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";

/** One page of a bounded list that its store answers whole; the cursor is the id of the page's last item. */
export function pageOfArray<T extends { id: string }>(list: string, items: readonly T[], query: PageQuery) {
  const after = decodeCursor(list, query.cursor);
  const start = after === null ? 0 : items.findIndex((item) => item.id === after) + 1;
  const data = items.slice(start, start + query.limit);
  const last = data.at(-1);
  const more = start + data.length < items.length;
  return { object: "list", data, has_more: more, next_cursor: more && last ? encodeCursor(list, last.id) : null };
}
