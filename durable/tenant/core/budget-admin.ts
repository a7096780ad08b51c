import type { BudgetId, NanoUsd, UnixMs } from "../../../shared/contracts/ids.ts";
import type { Attribution } from "../../../shared/contracts/ledger.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { nanoUsd } from "../../../shared/contracts/money.ts";
import type {
  Access,
  AccessRefusal,
  BudgetRecord,
  BudgetView,
  Change,
  ChangeRefusal,
} from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { accessRefusal, readGate } from "./access.ts";
import { spanEndMs, spansAt } from "./calendar.ts";
import { changing } from "./changing.ts";
import type { LedgerWriter } from "./ledger.ts";

type PutRefusal = { reason: "limit" } | { reason: "version_conflict" };
export type NewBudget = Omit<BudgetRecord, "version" | "created_ms">;

type BudgetRow = BudgetRecord["scope"] & {
  id: BudgetId;
  period: BudgetRecord["period"];
  limit_nusd: NanoUsd;
  hard: number;
  version: number;
  created_ms: UnixMs;
  spent_nusd: NanoUsd | null;
  held_nusd: NanoUsd | null;
};

const VIEW = `SELECT b.id, b.workspace, b.project, b.environment, b.kid, b.period, b.limit_nusd, b.hard, b.version,
    b.created_ms, s.spent_nusd, s.held_nusd
  FROM budget b LEFT JOIN budget_span s
    ON s.budget = b.id AND s.span = CASE b.period WHEN 'day' THEN ? WHEN 'month' THEN ? ELSE ? END`;

function views(sql: Sql, nowMs: number, id: string | null): BudgetView[] {
  const { day, month, total } = spansAt(nowMs);
  const rows =
    id === null
      ? sql.all<BudgetRow>(`${VIEW} ORDER BY b.id`, day, month, total)
      : sql.all<BudgetRow>(`${VIEW} WHERE b.id = ?`, day, month, total, id);
  return rows.map(({ workspace, project, environment, kid, hard, spent_nusd, held_nusd, ...row }) => ({
    ...row,
    scope: { workspace, project, environment, kid },
    hard: hard === 1,
    spent_nusd: spent_nusd ?? nanoUsd(0),
    held_nusd: held_nusd ?? nanoUsd(0),
    // safe because: the end of a period of the calendar, in milliseconds
    resets_ms: spanEndMs(row.period, nowMs) as UnixMs | null,
  }));
}

/** Writes and ledgers a budget; the caller has checked that it may. It counts calls that are admitted from now on. */
export function writeBudget(
  sql: Sql,
  nowMs: number,
  ledger: LedgerWriter,
  by: Attribution,
  budget: NewBudget,
): BudgetView {
  const { id, scope, period, limit_nusd, hard } = budget;
  nanoUsd(limit_nusd);
  sql.run(
    `INSERT INTO budget (id, workspace, project, environment, kid, period, limit_nusd, hard, version, created_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (id) DO UPDATE SET workspace = excluded.workspace,
     project = excluded.project, environment = excluded.environment, kid = excluded.kid, period = excluded.period,
     limit_nusd = excluded.limit_nusd, hard = excluded.hard, version = version + 1`,
    id,
    scope.workspace,
    scope.project,
    scope.environment,
    scope.kid,
    period,
    limit_nusd,
    hard ? 1 : 0,
    nowMs,
  );
  sql.run("UPDATE tenant SET budgets = (SELECT count(*) FROM budget)");
  const [view] = views(sql, nowMs, id);
  if (!view) throw new Error("a budget that was just written is missing");
  ledger.append({
    kind: "budget.changed",
    outcome: "success",
    action: "budget:write",
    task: null,
    by,
    detail: { budget: { id, scope: { ...scope }, period, limit_nusd, hard, version: view.version } },
  });
  return view;
}

/** `expected_version`: null replaces whatever is there, 0 only creates, another number only replaces that version. */
export function putBudget(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  budget: NewBudget,
  expected_version: number | null,
): Result<BudgetView, ChangeRefusal | PutRefusal> {
  return changing<BudgetView, PutRefusal>(sql, env, change, "budget:write", (ledger) => {
    const was = sql.get<{ version: number }>("SELECT version FROM budget WHERE id = ?", budget.id);
    if (expected_version !== null && expected_version !== (was?.version ?? 0))
      return err({ reason: "version_conflict" });
    const count = sql.get<{ n: number }>("SELECT count(*) AS n FROM budget")?.n ?? 0;
    if (!was && count >= LIMITS.budgetsPerTenantMax) return err({ reason: "limit" });
    return ok(writeBudget(sql, env.now, ledger, change.by, budget));
  });
}

/** What is still held for it is forgotten with it; a budget made again under the id starts from nothing. */
export function deleteBudget(
  sql: Sql,
  env: CoreEnv,
  change: Change,
  id: BudgetId,
): Result<null, ChangeRefusal | { reason: "not_found" }> {
  return changing<null, { reason: "not_found" }>(sql, env, change, "budget:write", (ledger) => {
    if (sql.change("DELETE FROM budget WHERE id = ?", id) === 0) return err({ reason: "not_found" });
    sql.run("DELETE FROM budget_span WHERE budget = ?", id);
    sql.run("DELETE FROM hold WHERE budget = ?", id);
    sql.run("UPDATE tenant SET budgets = (SELECT count(*) FROM budget)");
    const { by } = change;
    const detail = { budget: { id } };
    ledger.append({ kind: "budget.deleted", outcome: "success", action: "budget:write", task: null, by, detail });
    return ok(null);
  });
}

export function listBudgets(sql: Sql, env: CoreEnv, access: Access): Result<BudgetView[], AccessRefusal> {
  const refusal = accessRefusal(readGate(sql, access.kid), env.now, access);
  return refusal ? err(refusal) : ok(views(sql, env.now, null));
}
