import type { BudgetId } from "../../../shared/contracts/ids.ts";
import { NANO_USD_MAX } from "../../../shared/contracts/money.ts";
import type { BudgetRecord } from "../../../shared/contracts/ports/tenant-store.ts";
import type { Sql } from "../../runtime/sql.ts";
import { spanEndMs, spansAt } from "./calendar.ts";

export interface Charged {
  workspace: string;
  project: string;
  environment: string;
  kid: string | null;
}

type Matching = {
  id: BudgetId;
  span: number;
  period: BudgetRecord["period"];
  limit_nusd: number;
  hard: number;
  used: number;
};

const MATCHING = `SELECT m.id, m.span, m.period, m.limit_nusd, m.hard,
    coalesce(s.spent_nusd, 0) + coalesce(s.held_nusd, 0) AS used
  FROM (
    SELECT *, CASE period WHEN 'day' THEN ? WHEN 'month' THEN ? ELSE ? END AS span FROM budget
    WHERE (workspace IS NULL OR workspace = ?) AND (project IS NULL OR project = ?)
      AND (environment IS NULL OR environment = ?) AND (kid IS NULL OR kid = ?)
  ) m LEFT JOIN budget_span s ON s.budget = m.id AND s.span = m.span`;

export type Hold =
  | { ok: true; warnings: BudgetId[]; hard: boolean; count: number; write: (task: number) => void }
  | { ok: false; budget: BudgetId; retry_after_ms: number | null };

/**
 * Checks a hold against every matching budget. What is spent plus what is held plus this hold never passes a hard limit,
 * and a budget that an overrun took past its limit refuses even a free call. Soft budgets only warn.
 */
export function planHold(sql: Sql, nowMs: number, of: Charged, holdNusd: number): Hold {
  const spans = spansAt(nowMs);
  const { workspace, project, environment, kid } = of;
  const budgets = sql.all<Matching>(
    MATCHING,
    spans.day,
    spans.month,
    spans.total,
    workspace,
    project,
    environment,
    kid,
  );
  const warnings: BudgetId[] = [];
  for (const budget of budgets) {
    if (budget.used + holdNusd <= budget.limit_nusd) continue;
    if (!budget.hard) {
      warnings.push(budget.id);
      continue;
    }
    const resetsMs = spanEndMs(budget.period, nowMs);
    return { ok: false, budget: budget.id, retry_after_ms: resetsMs === null ? null : resetsMs - nowMs };
  }
  const hard = budgets.some((budget) => budget.hard === 1);
  return { ok: true, warnings, hard, count: budgets.length, write: (task) => writeHold(sql, task, budgets, holdNusd) };
}

const HOLD_SPAN = `INSERT INTO budget_span (budget, span, spent_nusd, held_nusd) VALUES (?, ?, 0, ?)
  ON CONFLICT (budget, span) DO UPDATE SET held_nusd = held_nusd + excluded.held_nusd`;

/** A statement a budget: most calls match one or two, and small statements cost less than one over a list. */
function writeHold(sql: Sql, task: number, budgets: readonly Matching[], holdNusd: number): void {
  for (const { id, span } of budgets) {
    sql.run(HOLD_SPAN, id, span, holdNusd);
    sql.run("INSERT INTO hold (task, budget, span) VALUES (?, ?, ?)", task, id, span);
  }
}

const CHARGE = `UPDATE budget_span SET held_nusd = held_nusd - ?, spent_nusd = max(0, min(spent_nusd + ?, ${NANO_USD_MAX}))
  WHERE budget = ? AND span = ?`;

/**
 * Gives `releasedNusd` of each hold back and charges `costNusd` (negative in a correction) to the period in which the
 * call was admitted. A budget that was deleted meanwhile is not charged.
 */
export function chargeHold(sql: Sql, task: number, releasedNusd: number, costNusd: number): void {
  const held = sql.all<{ budget: string; span: number }>("SELECT budget, span FROM hold WHERE task = ?", task);
  for (const { budget, span } of held) sql.run(CHARGE, releasedNusd, costNusd, budget, span);
}

export const dropHold = (sql: Sql, task: number): void => {
  sql.run("DELETE FROM hold WHERE task = ?", task);
};
