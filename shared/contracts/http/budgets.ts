import { z } from "zod";
import { EnvironmentId, KeyId, ProjectId, WorkspaceId } from "../ids.ts";
import { UsdAmount } from "../money.ts";
import { DecimalUsd, IntegerNusd, Timestamp } from "./fields.ts";
import { pageOf } from "./page.ts";

const period = z.enum(["day", "month", "total"]);

/** `PUT /v1/budgets/{id}` and `POST /v1/budgets`. Scope members that are null or absent match every call. */
export const PutBudget = z
  .strictObject({
    scope: z
      .strictObject({
        workspace: WorkspaceId.nullable().default(null),
        project: ProjectId.nullable().default(null),
        environment: EnvironmentId.nullable().default(null),
        key: KeyId.nullable().default(null),
      })
      .prefault({}),
    period,
    limit_usd: UsdAmount.meta({ description: "Dollars: decimal text, or a number with at most 9 decimals." }),
    hard: z.boolean().default(true).meta({ description: "A hard budget refuses; a soft one only warns." }),
    expected_version: z
      .int()
      .min(0)
      .optional()
      .meta({ description: "The version that is replaced; another one in force is a 409." }),
  })
  .meta({
    id: "PutBudget",
    example: { scope: { workspace: "research" }, period: "month", limit_usd: "250.00", hard: true },
  });
export type PutBudget = z.infer<typeof PutBudget>;

const scoped = z.string().nullable();

/** `spent` and `held` are those of the current period. */
export const BudgetObject = z
  .strictObject({
    object: z.literal("budget"),
    id: z.string(),
    scope: z.strictObject({ workspace: scoped, project: scoped, environment: scoped, key: scoped }),
    period,
    hard: z.boolean(),
    limit_usd: DecimalUsd,
    limit_nusd: IntegerNusd,
    spent_usd: DecimalUsd,
    spent_nusd: IntegerNusd,
    held_usd: DecimalUsd,
    held_nusd: IntegerNusd,
    resets_at: Timestamp.nullable(),
    created_at: Timestamp,
    version: z.int(),
  })
  .meta({
    id: "BudgetObject",
    example: {
      object: "budget",
      id: "bud_01JD0000000000000000000000",
      scope: { workspace: "research", project: null, environment: null, key: null },
      period: "month",
      hard: true,
      limit_usd: "250",
      limit_nusd: 250_000_000_000,
      spent_usd: "12.5",
      spent_nusd: 12_500_000_000,
      held_usd: "0.02",
      held_nusd: 20_000_000,
      resets_at: "2026-12-01T00:00:00.000Z",
      created_at: "2026-11-18T09:30:00.000Z",
      version: 1,
    },
  });
export type BudgetObject = z.infer<typeof BudgetObject>;

export const BudgetList = pageOf("BudgetList", BudgetObject);
export type BudgetList = z.infer<typeof BudgetList>;
