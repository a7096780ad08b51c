import { expect } from "vitest";
import { type JobQueue, QUEUE_CLASSES } from "../../shared/contracts/ports/job-queue.ts";
import { type Cell, type CellRuntime, startCell } from "./cell.ts";
import { startQueues } from "./fauxqs.ts";
import { eventually, type Lab, labOver, type Tenant } from "./lab.ts";
import { chargedNusd, readLedger } from "./ledger.ts";
import { startNeonProxy } from "./neon-proxy.ts";
import { PoolWorker, type PoolWorkerOptions } from "./pool-worker.ts";
import { type Postgres, postgresBinaries, startPostgres } from "./postgres.ts";
import { queueOf } from "./scripted-worker.ts";
import { expectSumsAgree } from "./sums.ts";
import { testConfig } from "./test-config.ts";
import { Upstream } from "./upstream.ts";

/** Nano-dollars of the queued model, per token. */
export const QUEUED_PRICES = { input: 1_000, output: 2_000 } as const;

/** What runs is done, and what nobody settled is closed, within this: a lease, the return of its worker, a long poll. */
const QUIET_MS_MAX = 90_000;
/** An outbox that backed off while its store was away comes back within half a minute. */
const HEALED_MS_MAX = 60_000;

/** What a cell runs on, and the queue that it then has. */
export const QUEUE_CELLS = [
  { runtime: "deno", queue: "a file" },
  { runtime: "node", queue: "a file" },
  { runtime: "workerd", queue: "SQS" },
] as const satisfies readonly { runtime: CellRuntime; queue: string }[];
export type QueueCell = (typeof QUEUE_CELLS)[number];

/** A cell of its own process whose `queued` model is answered by worker processes, with Postgres where there is one. */
export interface QueueWorld {
  readonly lab: Lab;
  readonly cell: Cell;
  readonly postgres: Postgres;
  readonly upstream: Upstream;
  /** The cell's own queue, opened beside it. */
  readonly queue: JobQueue;
  worker(options?: Partial<PoolWorkerOptions>): Promise<PoolWorker>;
  /** A tenant with a budget, so that a hold that leaks is seen. */
  tenant(): Promise<Tenant>;
  stop(): Promise<void>;
}

export const queueWorldBinaries = postgresBinaries;

export interface QueueWorldOptions {
  runtime?: CellRuntime;
  /** Further variables of the cell. */
  env?: Record<string, string>;
  /** A home to go on with; without it a new one that `stop` removes. */
  home?: string;
  /** Where the cell finds what listens at an address: a test may stand in between. */
  through?(what: "postgres" | "queue", port: number): Promise<number>;
}

export async function startQueueWorld(
  bin: string,
  { runtime = "deno", env = {}, home, through = async (_, port) => port }: QueueWorldOptions = {},
): Promise<QueueWorld> {
  const postgres = await startPostgres(bin);
  await postgres.sql("create role cell_owner login createrole");
  const control = new URL(await postgres.database("control", "cell_owner"));
  control.port = String(await through("postgres", Number(control.port)));
  const upstream = await new Upstream().start();
  const files = testConfig({ local: upstream.url });
  files["models.yml"] += `
  words: { provider: pool, model: words, prices: { input: "1", output: "2" }, batch_discount: 0.5, capabilities: [chat, completions] }
`;
  const elsewhere = runtime === "workerd" ? await startElsewhere(control, through) : null;
  const cell = await startCell({
    runtime,
    config: files,
    ...(home === undefined ? {} : { home }),
    env: {
      TEST_UPSTREAM_KEY: "k",
      BAILIWICK_LOG: "info",
      ...(elsewhere?.env ?? { BAILIWICK_DATABASE_URL: control.href }),
      ...env,
    },
  });
  const queue = await queueOf(cell);
  const lab = labOver(
    () => cell,
    () => upstream,
    () => upstream,
  );
  const workers: PoolWorker[] = [];
  return {
    ...{ lab, cell, postgres, upstream, queue },
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
      await queue.close();
      await cell.stop();
      await Promise.all([upstream.stop(), elsewhere?.stop(), postgres.stop()]);
    },
  };
}

/** What workerd has no part of its own for: SQS, and Neon's protocol before PostgreSQL. */
async function startElsewhere(control: URL, through: NonNullable<QueueWorldOptions["through"]>) {
  const queues = await startQueues("local", (port) => through("queue", port));
  const neon = await startNeonProxy();
  return {
    // The SDK insists on a password; the cluster trusts loopback.
    env: {
      ...queues.env,
      NEON_DATABASE_URL: control.href.replace("@", ":trusted@"),
      NEON_FETCH_ENDPOINT: neon.endpoint,
    },
    async stop() {
      await neon.close();
      await queues.stop();
    },
  };
}

/** Messages that wait or are hidden, and dead letters, of the pool's both classes. */
export async function queued({ queue }: Pick<QueueWorld, "queue">): Promise<{ jobs: number; dead: number }> {
  const depths = await Promise.all(QUEUE_CLASSES.map((name) => queue.depth({ pool: "local", class: name })));
  const sum = (of: (depth: (typeof depths)[number]) => number) => depths.reduce((total, depth) => total + of(depth), 0);
  return { jobs: sum(({ ready, in_flight }) => ready + in_flight), dead: Math.max(...depths.map(({ dead }) => dead)) };
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
      () => queued(world),
      ({ jobs }) => jobs === 0,
      QUIET_MS_MAX,
    ),
  ).toEqual({ jobs: 0, dead: 0 });
  await expectSumsAgree(lab, tenant, postgres, HEALED_MS_MAX);
  return found;
}
