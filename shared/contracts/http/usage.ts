import { z } from "zod";
import { WorkspaceId } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { Day, DecimalUsd, IntegerNusd } from "./fields.ts";
import { Cursor } from "./page.ts";

export const USAGE_GROUPS = ["day", "model", "workspace", "key"] as const;
const group = z.enum(USAGE_GROUPS);

/** Query of `GET /v1/usage`; values come as text. `group_by` is a list with commas, or repeated. */
export const UsageQuery = z
  .strictObject({
    from: Day.optional().meta({ description: "First UTC day; absent: 30 days before `to`." }),
    to: Day.optional().meta({ description: "UTC day after the last; absent: tomorrow." }),
    group_by: z
      .union([z.string().max(64), z.array(z.string().max(16)).max(USAGE_GROUPS.length)])
      .default("day")
      .transform((value) => [...new Set(typeof value === "string" ? value.split(",") : value)].filter(Boolean))
      .pipe(z.array(group))
      .meta({ description: `Any of ${USAGE_GROUPS.join(", ")}, with commas between.` }),
    workspace: WorkspaceId.optional().meta({
      description: "One workspace only. Without the role admin, operator or auditor a caller sees its own alone.",
    }),
    limit: z.coerce.number().int().min(1).max(LIMITS.usageRowsMax).default(LIMITS.pageItemsMax),
    cursor: Cursor.optional(),
  })
  .refine((query) => query.from === undefined || query.to === undefined || query.from < query.to, {
    error: "from must be before to",
    path: ["from"],
  });
export type UsageQuery = z.infer<typeof UsageQuery>;

const count = z.int().min(0);

export const UsageGroupObject = z
  .strictObject({
    object: z.literal("usage"),
    day: z.string().nullable(),
    model: z.string().nullable(),
    workspace: z.string().nullable(),
    key: z.string().nullable(),
    requests: count,
    tokens_in: count,
    tokens_out: count,
    tokens_cached: count,
    cost_usd: DecimalUsd,
    cost_nusd: IntegerNusd,
  })
  .meta({
    id: "UsageGroupObject",
    description: "Members that were not grouped by are null.",
    example: {
      object: "usage",
      day: "2026-11-18",
      model: "small",
      workspace: null,
      key: null,
      requests: 2,
      tokens_in: 42,
      tokens_out: 16,
      tokens_cached: 0,
      cost_usd: "0.0000029",
      cost_nusd: 2900,
    },
  });
export type UsageGroupObject = z.infer<typeof UsageGroupObject>;

/** The sums of the tenant's ledger over a range of days. */
export const UsageReport = z
  .strictObject({
    object: z.literal("list"),
    from: Day,
    to: Day,
    group_by: z.array(group),
    data: z.array(UsageGroupObject),
    has_more: z.boolean(),
    next_cursor: z.string().nullable(),
  })
  .meta({
    id: "UsageReport",
    example: {
      object: "list",
      from: "2026-11-01",
      to: "2026-12-01",
      group_by: ["day", "model"],
      data: [
        {
          object: "usage",
          day: "2026-11-18",
          model: "small",
          workspace: null,
          key: null,
          requests: 2,
          tokens_in: 42,
          tokens_out: 16,
          tokens_cached: 0,
          cost_usd: "0.0000029",
          cost_nusd: 2900,
        },
      ],
      has_more: false,
      next_cursor: null,
    },
  });
export type UsageReport = z.infer<typeof UsageReport>;
