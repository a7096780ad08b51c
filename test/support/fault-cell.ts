import { expect } from "vitest";
import { type Cell, type CellOptions, startCell } from "./cell.ts";
import { eventually, type Lab, labOver, type Tenant, WITHOUT_DATABASE } from "./lab.ts";
import { chargedNusd, expectChained, readLedger } from "./ledger.ts";
import { BUNDLE_SECRET } from "./policy-bundle.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** The deadline of a call that is cut off, and the grace behind it. */
const ENDED_MS_MAX = 60_000;
const DAY_MS = 86_400_000;

export interface FaultCell {
  readonly lab: Lab;
  readonly cell: Cell;
  readonly upstream: Upstream;
  /** A tenant with a budget, so that a hold that leaks is seen. */
  tenant(): Promise<Tenant>;
  stop(): Promise<void>;
}

/** A cell of its own process beside one engine, for tests that break it; without a control database unless one is named. */
export async function startFaultCell(options: Partial<CellOptions> = {}): Promise<FaultCell> {
  const upstream = await new Upstream().start();
  const { env, config = (files: Record<string, string>) => files, ...rest } = { config: undefined, ...options };
  const files = testConfig({ local: upstream.url });
  const cell = await startCell({
    runtime: "deno",
    ...rest,
    config: typeof config === "function" ? config(files) : config,
    env: {
      ...{ TEST_UPSTREAM_KEY: "k", TEST_BUNDLE_SECRET: BUNDLE_SECRET, BAILIWICK_LOG: "warn" },
      ...WITHOUT_DATABASE,
      ...env,
    },
  }).catch(async (cause: unknown) => {
    await upstream.stop();
    throw cause;
  });
  const lab = labOver(
    () => cell,
    () => upstream,
    () => upstream,
  );
  return {
    ...{ lab, cell, upstream },
    async tenant() {
      const tenant = await lab.newTenant();
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1000" } });
      return tenant;
    },
    async stop() {
      await cell.stop();
      await upstream.stop();
    },
  };
}

export interface Books {
  /** Tasks that were opened, each of which has ended once. */
  tasks: number;
  abandoned: number;
  charged_nusd: number;
  entries: number;
}

/**
 * What holds of a tenant after every fault: the chain verifies, each task that was opened ended once, and usage, ledger
 * and budget tell one sum with nothing held. Answers it.
 */
export async function expectBooksBalance(lab: Lab, tenant: Tenant, withinMs = ENDED_MS_MAX): Promise<Books> {
  const ends = (kind: string) => kind === "task.closed" || kind === "task.abandoned";
  const log = await eventually(
    () => readLedger(lab, tenant.adminKey),
    ({ entries }) =>
      entries.filter(({ kind }) => ends(kind)).length === entries.filter(({ kind }) => kind === "task.opened").length,
    withinMs,
  );
  expectChained(log);
  const { entries } = log;
  const per = Map.groupBy(
    entries.filter(({ task, kind }) => task !== null && (ends(kind) || kind === "task.opened")),
    ({ task }) => task,
  );
  for (const [task, seen] of per)
    expect([task, seen.map(({ kind }) => (ends(kind) ? "ended" : kind))]).toEqual([task, ["task.opened", "ended"]]);
  // A cell whose clock went ahead over midnight and came back has rows of what is tomorrow.
  const day = (offset: number) => new Date(Date.now() + offset * DAY_MS).toISOString().slice(0, 10);
  const { data: usage } = await lab.json(
    `/v1/usage?group_by=day,model,workspace,key&limit=1000&from=${day(-2)}&to=${day(2)}`,
    { key: tenant.adminKey },
  );
  const spent = usage.reduce((sum: number, row: { cost_nusd: number }) => sum + row.cost_nusd, 0);
  const charged = chargedNusd(entries);
  expect(spent).toBe(charged);
  const { data: budgets } = await lab.json("/v1/budgets", { key: tenant.adminKey });
  expect(budgets[0]).toMatchObject({ spent_nusd: charged, held_nusd: 0 });
  return {
    tasks: per.size,
    abandoned: entries.filter(({ kind }) => kind === "task.abandoned").length,
    charged_nusd: charged,
    entries: entries.length,
  };
}
