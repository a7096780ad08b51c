import { BudgetList } from "../../../shared/contracts/http/budgets.ts";
import { PageQuery } from "../../../shared/contracts/http/page.ts";
import { READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { pageOfArray } from "../page.ts";
import { readable } from "../readable.ts";
import { unwrap } from "../refusals.ts";
import { budgetObject } from "./view.ts";

export const listBudgets = operation({
  ...READ,
  id: "budgets.list",
  path: "/v1/budgets",
  action: "budget:read",
  gate: "governed",
  credential: "compared",
  query: PageQuery,
  success: [200, BudgetList, "Budgets with what is spent and held in the current period."],
  problems: [],
  summary: "List budgets",
  tag: "Budgets",
  resource: { kind: "budget" },
  async execute(deps, call) {
    const { access, query, tenant } = call;
    const page = pageOfArray("budgets", unwrap(await deps.tenants.listBudgets(tenant.id, access)), query);
    const budgets = await readable(deps, call, page.data, ({ id, scope }) => ({ ...scope, id }));
    return value({ ...page, data: budgets.map(budgetObject) });
  },
});
