import type { NanoUsd } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { NANO_USD_MAX } from "../../../shared/contracts/money.ts";
import type { UsageGroup, UsageQuery } from "../../../shared/contracts/ports/tenant-store.ts";
import { METERS, type Meter, type UsageRow } from "../../../shared/contracts/usage.ts";
import type { Sql, SqlRow, SqlValue } from "../../runtime/sql.ts";
import type { Charged } from "./budgets.ts";
import { dayText, parseDay } from "./calendar.ts";

const ADD = `INSERT INTO usage (day, model, workspace, project, environment, kid, requests, ${METERS.join(", ")}, cost_nusd)
  VALUES (?, ?, ?, ?, ?, ?, ?, ${METERS.map(() => "?").join(", ")}, ?)
  ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
  ${METERS.map((meter) => `${meter} = ${meter} + excluded.${meter}`).join(", ")}, cost_nusd = cost_nusd + excluded.cost_nusd`;

export interface UsageDelta {
  day: number;
  model: string | null;
  requests: 0 | 1;
  usage: readonly UsageRow[];
  cost_nusd: number;
}

/** Adds to the sums of one day, in the transaction of the ledger entry that says the same. */
export function addUsage(sql: Sql, of: Charged, delta: UsageDelta): void {
  const { workspace, project, environment, kid } = of;
  const quantities: Record<Meter, number> = {
    tokens_in: 0,
    tokens_out: 0,
    tokens_cached: 0,
    seconds: 0,
    images: 0,
    points: 0,
    steps: 0,
  };
  for (const { meter, quantity } of delta.usage) quantities[meter] += quantity;
  // Null has no place in a primary key; the empty name is no model and no key.
  const names = [delta.model ?? "", workspace, project, environment, kid ?? ""];
  const sums = METERS.map((meter) => quantities[meter]);
  sql.run(ADD, delta.day, ...names, delta.requests, ...sums, delta.cost_nusd);
}

const GROUPS = { day: "day", model: "model", workspace: "workspace", key: "kid" } as const;
type Sums = SqlRow & {
  requests: number | null;
  tokens_in: number;
  tokens_out: number;
  tokens_cached: number;
  cost: number;
};

/** The sums of the tenant's ledger over a range of days, ordered by the grouping members. Throws on a day that is none. */
export function usageGroups(sql: Sql, query: UsageQuery): UsageGroup[] {
  const columns = [...new Set(query.group_by)].map((name) => GROUPS[name]);
  const params: SqlValue[] = [parseDay(query.from), parseDay(query.to)];
  if (query.workspace !== null) params.push(query.workspace);
  // One more than a page, so that a reader sees whether there are more.
  const limit = Math.min(Math.max(0, query.limit), LIMITS.usageRowsMax + 1);
  const rows = sql.all<Sums>(
    `SELECT ${columns.map((column) => `${column}, `).join("")} sum(requests) AS requests, sum(tokens_in) AS tokens_in,
       sum(tokens_out) AS tokens_out, sum(tokens_cached) AS tokens_cached, min(sum(cost_nusd), ${NANO_USD_MAX}) AS cost
     FROM usage WHERE day >= ? AND day < ? ${query.workspace === null ? "" : "AND workspace = ?"}
     ${columns.length === 0 ? "" : `GROUP BY ${columns.join(", ")} ORDER BY ${columns.join(", ")}`} LIMIT ? OFFSET ?`,
    ...params,
    limit,
    Math.max(0, query.offset),
  );
  const named = (value: SqlValue | undefined): string | null =>
    typeof value === "string" && value !== "" ? value : null;
  // Without groups SQL answers one row of nulls for an empty range.
  return rows
    .filter((row) => row.requests !== null)
    .map((row) => ({
      day: typeof row.day === "number" ? dayText(row.day) : null,
      model: named(row.model),
      workspace: named(row.workspace),
      key: named(row.kid),
      requests: row.requests ?? 0,
      tokens_in: row.tokens_in,
      tokens_out: row.tokens_out,
      tokens_cached: row.tokens_cached,
      cost_nusd: row.cost as NanoUsd, // safe because: bounded by the statement
    }));
}
