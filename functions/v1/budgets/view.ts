import { formatUsd } from "../../../shared/contracts/money.ts";
import type { BudgetView } from "../../../shared/contracts/ports/tenant-store.ts";
import { rfc3339 } from "../time.ts";

export const budgetObject = (budget: BudgetView) => ({
  object: "budget",
  id: budget.id,
  scope: {
    workspace: budget.scope.workspace,
    project: budget.scope.project,
    environment: budget.scope.environment,
    key: budget.scope.kid,
  },
  period: budget.period,
  hard: budget.hard,
  limit_usd: formatUsd(budget.limit_nusd),
  limit_nusd: budget.limit_nusd,
  spent_usd: formatUsd(budget.spent_nusd),
  spent_nusd: budget.spent_nusd,
  held_usd: formatUsd(budget.held_nusd),
  held_nusd: budget.held_nusd,
  resets_at: rfc3339(budget.resets_ms),
  created_at: rfc3339(budget.created_ms),
  version: budget.version,
});
