import { z } from "zod";

/** What deleting one of our own resources answers. */
export const Deleted = z
  .strictObject({ object: z.string(), id: z.string(), deleted: z.literal(true) })
  .meta({ id: "Deleted", example: { object: "budget", id: "bud_01JD0000000000000000000000", deleted: true } });
export type Deleted = z.infer<typeof Deleted>;
