import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { exampleOf } from "./fields.ts";

/** Opaque; only what a page before answered as `next_cursor` is accepted. */
export const Cursor = z.string().min(1).max(LIMITS.cursorCharsMax);

/** Query of every list of our own resources; values come as text. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.pageItemsMax).default(LIMITS.pageItemsDefault),
  cursor: Cursor.optional(),
});
export type PageQuery = z.infer<typeof PageQuery>;

/** `{object: "list", data, has_more, next_cursor}`; the cursor is null on the last page. */
export const pageOf = <T extends z.ZodType>(id: string, item: T) => {
  const one = exampleOf(item);
  return z
    .strictObject({
      object: z.literal("list"),
      data: z.array(item),
      has_more: z.boolean(),
      next_cursor: z.string().nullable(),
    })
    .meta({
      id,
      example: { object: "list", data: one === undefined ? [] : [one], has_more: false, next_cursor: null },
    });
};
