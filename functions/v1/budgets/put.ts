import { z } from "zod";
import { BudgetObject, PutBudget } from "../../../shared/contracts/http/budgets.ts";
import { BudgetId } from "../../../shared/contracts/ids.ts";
import type { Call, Deps } from "../../context.ts";
import { JSON_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { budgetObject } from "./view.ts";

export const BudgetPath = z.strictObject({ budget_id: BudgetId });

async function put(deps: Deps, call: Call<PutBudget>, id: BudgetId, expected: number | null) {
  const { scope, period, limit_usd, hard } = call.body;
  const { key, ...scopes } = scope;
  const budget = { id, scope: { ...scopes, kid: key }, period, limit_nusd: limit_usd, hard };
  const stored = await deps.tenants.putBudget(call.tenant.id, { access: call.access, by: call.by }, budget, expected);
  return value(budgetObject(unwrap(stored, { limit: "The tenant has as many budgets as it may." })));
}

const common = {
  action: "budget:write",
  gate: "governed",
  credential: "compared",
  effect: "reversible-write",
  ack: "commit",
  kind: "unary",
  ...JSON_INPUT,
  body: PutBudget,
  problems: ["limit-reached", "version-conflict", "tenant-locked", "tenant-suspended"],
  tag: "Budgets",
} as const;

export const createBudget = operation({
  ...common,
  id: "budgets.create",
  method: "post",
  path: "/v1/budgets",
  retry: "never",
  success: [201, BudgetObject, "The budget, in force for the next call."],
  summary: "Create a budget",
  resource: { kind: "budget" },
  execute: (deps, call) => put(deps, call, deps.ids.mint("bud"), null),
});

export const putBudget = operation({
  ...common,
  id: "budgets.put",
  method: "put",
  path: "/v1/budgets/{budget_id}",
  params: BudgetPath,
  retry: "safe",
  success: [200, BudgetObject, "The budget, in force for the next call."],
  summary: "Create or replace a budget",
  resource: { kind: "budget", param: "budget_id" },
  execute: (deps, call) => put(deps, call, call.params.budget_id, call.body.expected_version ?? null),
});
