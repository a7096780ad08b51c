import { Deleted } from "../../../shared/contracts/http/deleted.ts";
import { DELETE } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { BudgetPath } from "./put.ts";

export const deleteBudget = operation({
  ...DELETE,
  id: "budgets.delete",
  path: "/v1/budgets/{budget_id}",
  action: "budget:write",
  gate: "governed",
  credential: "compared",
  params: BudgetPath,
  success: [200, Deleted, "The budget no longer limits anything."],
  problems: ["not-found", "tenant-locked", "tenant-suspended"],
  summary: "Delete a budget",
  tag: "Budgets",
  resource: { kind: "budget", param: "budget_id" },
  async execute(deps, { access, by, params, tenant }) {
    unwrap(await deps.tenants.deleteBudget(tenant.id, { access, by }, params.budget_id));
    return value({ object: "budget", id: params.budget_id, deleted: true });
  },
});
