import { expect } from "vitest";
import { eventually, type Lab, type Tenant } from "./lab.ts";
import { chargedNusd, expectChained, readLedger } from "./ledger.ts";
import type { Postgres } from "./postgres.ts";

interface Sums {
  requests: number;
  tokens_in: number;
  tokens_out: number;
  cost_nusd: number;
}

const NONE: Sums = { requests: 0, tokens_in: 0, tokens_out: 0, cost_nusd: 0 };

/** Totals of `/v1/usage`, over every group. */
async function reported(lab: Lab, key: string): Promise<Sums> {
  const { data }: { data: Sums[] } = await lab.json("/v1/usage?group_by=day,model,workspace,key&limit=1000", { key });
  return data.reduce(
    (sum, row) => ({
      requests: sum.requests + row.requests,
      tokens_in: sum.tokens_in + row.tokens_in,
      tokens_out: sum.tokens_out + row.tokens_out,
      cost_nusd: sum.cost_nusd + row.cost_nusd,
    }),
    NONE,
  );
}

/** The same out of the read model, as a report of the tenant's would sum it. */
async function billed(postgres: Postgres, tenant: string): Promise<Sums> {
  const [row] = await postgres.sql(
    `select coalesce(sum(requests), 0)::float8 as requests, coalesce(sum(tokens_in), 0)::float8 as tokens_in,
       coalesce(sum(tokens_out), 0)::float8 as tokens_out, coalesce(sum(cost_nusd), 0)::float8 as cost_nusd
     from bailiwick.usage_billing where tenant_id = '${tenant}'`,
    "control",
  );
  return { ...NONE, ...row };
}

/**
 * Holds that the ledger verifies and that `/v1/usage`, the ledger, the tenant-wide budget and, once its events are
 * delivered, the read model in Postgres say the same sum. Answers it. The tenant has one budget without scope.
 */
export async function expectSumsAgree(lab: Lab, tenant: Tenant, postgres: Postgres, withinMs = 30_000): Promise<Sums> {
  const log = await readLedger(lab, tenant.adminKey);
  expectChained(log);
  const usage = await reported(lab, tenant.adminKey);
  expect(usage.cost_nusd).toBe(chargedNusd(log.entries));
  expect(usage.requests).toBe(
    log.entries.filter(({ kind }) => kind === "task.closed" || kind === "task.abandoned").length,
  );
  const { data } = await lab.json("/v1/budgets", { key: tenant.adminKey });
  expect(data).toHaveLength(1);
  expect(data[0]).toMatchObject({ spent_nusd: usage.cost_nusd, held_nusd: 0 });
  const sql = await eventually(
    () => billed(postgres, tenant.id),
    (sums) => sums.requests === usage.requests && sums.cost_nusd === usage.cost_nusd,
    withinMs,
  );
  expect(sql).toEqual(usage);
  return usage;
}

/** Of a database that holds every event: tasks and audit are as many as the ledger tells, none is parked. */
export async function expectReadModelsWhole(lab: Lab, tenant: Tenant, postgres: Postgres): Promise<void> {
  const { entries } = await readLedger(lab, tenant.adminKey);
  const count = async (query: string) => Number((await postgres.sql(query, "control"))[0]?.n);
  const of = `where tenant_id = '${tenant.id}'`;
  const tasks = new Set(entries.flatMap(({ task, kind }) => (kind === "task.opened" && task !== null ? [task] : [])));
  const activity = entries.filter(({ kind }) => !kind.startsWith("task.")).length;
  await expect
    .poll(() => count(`select count(*)::int as n from bailiwick.tasks ${of} and status is not null`), {
      timeout: 30_000,
    })
    .toBe(tasks.size);
  await expect
    .poll(() => count(`select count(*)::int as n from bailiwick.audit_activity ${of}`), { timeout: 30_000 })
    .toBe(activity);
  expect(await count(`select count(*)::int as n from bailiwick.parked_events ${of}`)).toBe(0);
}
