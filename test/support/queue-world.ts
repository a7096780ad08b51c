import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { QUEUE_FILE } from "../../functions/entry/home.ts";
import { type Cell, startCell } from "./cell.ts";
import { eventually, type Lab, labOver, type Tenant } from "./lab.ts";
import { chargedNusd, readLedger } from "./ledger.ts";
import { PoolWorker, type PoolWorkerOptions } from "./pool-worker.ts";
import { type Postgres, postgresBinaries, startPostgres } from "./postgres.ts";
import { expectSumsAgree } from "./sums.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** Nano-dollars of the queued model, per token. */
export const QUEUED_PRICES = { input: 1_000, output: 2_000 } as const;

/** What runs is done, and what nobody settled is closed, within this: a lease, the return of its worker, a long poll. */
const QUIET_MS_MAX = 90_000;
/** An outbox that backed off while its store was away comes back within half a minute. */
const HEALED_MS_MAX = 60_000;

/** A cell of its own process whose `queued` model is answered by worker processes, with Postgres where there is one. */
export interface QueueWorld {
  readonly lab: Lab;
  readonly cell: Cell;
  readonly postgres: Postgres;
  worker(options?: Partial<PoolWorkerOptions>): Promise<PoolWorker>;
  /** A tenant with a budget, so that a hold that leaks is seen. */
  tenant(): Promise<Tenant>;
  stop(): Promise<void>;
}

export const queueWorldBinaries = postgresBinaries;

export async function startQueueWorld(bin: string): Promise<QueueWorld> {
  const postgres = await startPostgres(bin);
  await postgres.sql("create role cell_owner login createrole");
  const upstream = await new Upstream().start();
  const files = testConfig({ local: upstream.url });
  files["models.yml"] += `
  words: { provider: pool, model: words, prices: { input: "1", output: "2" }, batch_discount: 0.5, capabilities: [chat, completions] }
`;
  const cell = await startCell({
    runtime: "deno",
    config: files,
    env: {
      TEST_UPSTREAM_KEY: "k",
      BAILIWICK_LOG: "info",
      BAILIWICK_DATABASE_URL: await postgres.database("control", "cell_owner"),
    },
  });
  const lab = labOver(
    () => cell,
    () => upstream,
    () => upstream,
  );
  const workers: PoolWorker[] = [];
  return {
    ...{ lab, cell, postgres },
    async worker(options = {}) {
      const worker = await PoolWorker.start({ name: `w${workers.length + 1}`, cell, ...options });
      workers.push(worker);
      return worker;
    },
    async tenant() {
      const tenant = await lab.newTenant();
      await lab.json("/v1/budgets", { key: tenant.adminKey, body: { period: "total", limit_usd: "1000" } });
      return tenant;
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await cell.stop();
      await Promise.all([upstream.stop(), postgres.stop()]);
    },
  };
}

/** Messages that wait or are hidden, and dead letters. */
export function queued({ cell }: Pick<QueueWorld, "cell">): { jobs: number; dead: number } {
  const db = new DatabaseSync(join(cell.home, QUEUE_FILE), { readOnly: true });
  const count = (table: string) => Number(db.prepare(`SELECT COUNT(*) AS n FROM ${table}`).get()?.n);
  const found = { jobs: count("job"), dead: count("dead") };
  db.close();
  return found;
}

/**
 * What has to hold once everything is quiet: each task that was opened has ended once and says so, its log has an end, no
 * hold and no message is left, and ledger, usage, budget and read model tell one sum. Answers the tenant's tasks, oldest first.
 */
export async function expectQuiet(
  world: QueueWorld,
  tenant: Tenant,
): Promise<{ id: string; status: string; cost_nusd: number }[]> {
  const { lab, postgres } = world;
  const ends = (kind: string) => kind === "task.closed" || kind === "task.abandoned";
  const { entries } = await eventually(
    () => readLedger(lab, tenant.adminKey),
    (log) =>
      log.entries.filter(({ kind }) => ends(kind)).length ===
      log.entries.filter(({ kind }) => kind === "task.opened").length,
    QUIET_MS_MAX,
  );
  const kinds = new Map<string, string[]>();
  for (const { task, kind } of entries) if (task !== null) kinds.set(task, [...(kinds.get(task) ?? []), kind]);
  const found: { id: string; status: string; cost_nusd: number }[] = [];
  for (const [id, seen] of kinds) {
    if (!seen.includes("task.opened")) continue;
    expect({ id, opened: seen.filter((kind) => kind === "task.opened").length }).toEqual({ id, opened: 1 });
    expect({ id, ended: seen.filter(ends).length }).toEqual({ id, ended: 1 });
    const task = await lab.task(tenant, id);
    expect(task).toMatchObject({ phase: "done", status: expect.stringMatching(/^(OK|ERROR|TIMEOUT|CANCELED)$/) });
    found.push({ id, status: task.status, cost_nusd: task.usage.cost_nusd });
  }
  expect(found.reduce((sum, { cost_nusd }) => sum + cost_nusd, 0)).toBe(chargedNusd(entries));
  expect(
    await eventually(
      async () => queued(world),
      ({ jobs }) => jobs === 0,
      QUIET_MS_MAX,
    ),
  ).toEqual({ jobs: 0, dead: 0 });
  await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
  return found;
}
