import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { ProvisionTenant, TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../../runtime/sql.ts";
import { writeBudget } from "./budget-admin.ts";
import { insertKey } from "./keys.ts";
import { LedgerWriter } from "./ledger.ts";
import { moveOf } from "./move-state.ts";
import { describeTenant, tenantState } from "./state.ts";

/** First `upkeep` after this; nothing can be due earlier. */
export const UPKEEP_MS = 60 * 60_000;

/** Creates the tenant with its first keys and budgets. Needs the tables; the only verb that makes a tenant out of none. */
export function provision(
  sql: Sql,
  env: CoreEnv,
  tenant: string,
  { settings, data_key, keys, budgets, by }: ProvisionTenant,
): Result<TenantState, { reason: "exists" }> {
  if (keys.length > LIMITS.keysPerTenantMax || budgets.length > LIMITS.budgetsPerTenantMax)
    throw new RangeError("more first keys or budgets than a tenant may have");
  return sql.transaction(() => {
    // One that is being written here has no row yet.
    if (sql.get("SELECT 1 AS found FROM tenant") || moveOf(sql)) return err({ reason: "exists" } as const);
    const { name, privacy, content, transit } = settings;
    sql.run(
      `INSERT INTO tenant (one, id, name, privacy, content, transit, suspended, locked, created_ms, state_version,
         policy_version, data_key, budgets, feed_seq, feed_failures, feed_retry_ms, upkeep_ms, upkeep_seq)
       VALUES (1, ?, ?, ?, ?, ?, 0, 0, ?, 1, 1, ?, 0, 0, 0, 0, ?, 0)`,
      tenant,
      name,
      privacy,
      content,
      transit,
      env.now,
      data_key,
      env.now + UPKEEP_MS,
    );
    const state = tenantState(sql);
    const ledger = new LedgerWriter(sql, tenant, env.now);
    ledger.append({
      kind: "tenant.provisioned",
      outcome: "success",
      action: "tenant:create",
      task: null,
      by,
      detail: { tenant: describeTenant(state) },
    });
    for (const key of keys) insertKey(sql, env.now, ledger, by, { ...key, made_by: [by.subject] });
    for (const budget of budgets) writeBudget(sql, env.now, ledger, by, budget);
    return ok(state);
  });
}
