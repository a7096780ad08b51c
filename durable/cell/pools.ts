import { LIMITS } from "../../shared/contracts/limits.ts";
import type {
  PoolLoad,
  PoolReport,
  PoolState,
  PoolWorkerReport,
  QueueSample,
} from "../../shared/contracts/pool-load.ts";
import { ok, type Result } from "../../shared/contracts/result.ts";
import type { CoreEnv, Sql } from "../runtime/sql.ts";

/**
 * Load is soft state, and yet it lies in the object's database: an object that was evicted or restarted goes on with the
 * reports of before, which each worker renews within `workerLoadEveryMs`, in place of refusing calls until all of them
 * have spoken again. What a dead edge left behind ends by itself after `poolReportMsMax`.
 */
export const POOL_SCHEMA: readonly string[] = [
  `CREATE TABLE pool_worker (
    id TEXT PRIMARY KEY, pool TEXT NOT NULL, worker TEXT NOT NULL, reported_ms INTEGER NOT NULL, body TEXT NOT NULL
  ) WITHOUT ROWID`,
  "CREATE INDEX pool_worker_name ON pool_worker (pool, worker)",
  `CREATE TABLE pool_queue (
    pool TEXT NOT NULL, class TEXT NOT NULL, sampled_ms INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (pool, class)
  ) WITHOUT ROWID`,
];

/** A worker that is there has told of itself by then, so that the row of its earlier connection is a dead one's. */
const MISSED_MS = 1.5 * LIMITS.workerLoadEveryMs;

/** Takes what an edge tells, and answers all pools after it. */
export function poolReport(sql: Sql, env: CoreEnv, report: PoolReport): Result<PoolState[], never> {
  return sql.transaction(() => {
    sql.run("DELETE FROM pool_worker WHERE reported_ms <= ?", env.now - LIMITS.poolReportMsMax);
    sql.run("DELETE FROM pool_queue WHERE sampled_ms <= ?", env.now - LIMITS.poolReportMsMax);
    for (const id of report.gone) sql.run("DELETE FROM pool_worker WHERE id = ?", id);
    for (const worker of report.workers) keepWorker(sql, env, worker);
    for (const queue of report.queues)
      sql.run(
        `INSERT INTO pool_queue (pool, class, sampled_ms, body) VALUES (?, ?, ?, ?)
         ON CONFLICT (pool, class) DO UPDATE SET sampled_ms = excluded.sampled_ms, body = excluded.body`,
        ...[queue.pool, queue.class, env.now, JSON.stringify(queue)],
      );
    return ok(pools(sql, env));
  });
}

function keepWorker(sql: Sql, env: CoreEnv, report: PoolWorkerReport): void {
  const { id, pool, worker } = report;
  sql.run(
    "DELETE FROM pool_worker WHERE pool = ? AND worker = ? AND id <> ? AND reported_ms <= ?",
    ...[pool, worker, id, env.now - MISSED_MS],
  );
  const known = sql.change(
    "UPDATE pool_worker SET pool = ?, worker = ?, reported_ms = ?, body = ? WHERE id = ?",
    ...[pool, worker, env.now, JSON.stringify(report), id],
  );
  if (known > 0) return;
  const rows = sql.get<{ rows: number }>("SELECT count(*) AS rows FROM pool_worker")?.rows ?? 0;
  if (rows >= LIMITS.poolWorkersMax) return;
  sql.run(
    "INSERT INTO pool_worker (id, pool, worker, reported_ms, body) VALUES (?, ?, ?, ?, ?)",
    ...[id, pool, worker, env.now, JSON.stringify(report)],
  );
}

/** Every pool with a report or a sample that still counts, by name. */
export function pools(sql: Sql, env: CoreEnv): PoolState[] {
  const since = env.now - LIMITS.poolReportMsMax;
  const workers = sql
    .all<{ body: string }>("SELECT body FROM pool_worker WHERE reported_ms > ? ORDER BY id", since)
    .map(({ body }) => JSON.parse(body) as PoolWorkerReport); // safe because: `poolReport` wrote it
  const queues = sql
    .all<{ body: string; sampled_ms: number }>(
      "SELECT body, sampled_ms FROM pool_queue WHERE sampled_ms > ? ORDER BY pool, class DESC",
      since,
    )
    .map(({ body, sampled_ms }) => ({ ...(JSON.parse(body) as QueueSample), sampled_ms })); // safe because: `poolReport` wrote it
  const names = [...new Set([...workers, ...queues].map(({ pool }) => pool))].sort();
  return names.map((pool) => stateOf(pool, workers, queues));
}

function stateOf(
  pool: string,
  allWorkers: readonly PoolWorkerReport[],
  allQueues: readonly (QueueSample & { sampled_ms: number })[],
): PoolState {
  const workers = allWorkers.filter((worker) => worker.pool === pool);
  const ready = workers.filter((worker) => worker.ready);
  const models = new Map<string, { id: string; digest: string | null; workers: PoolWorkerReport[] }>();
  for (const worker of ready)
    for (const { id, digest } of worker.models) {
      const key = `${id}\n${digest ?? ""}`;
      const model = models.get(key) ?? { id, digest, workers: [] };
      model.workers.push(worker);
      models.set(key, model);
    }
  return {
    pool,
    connected: workers.length,
    ...loadOf(ready),
    models: [...models.values()].map(({ id, digest, workers: of }) => ({ id, digest, ...loadOf(of) })),
    queues: allQueues.filter((queue) => queue.pool === pool),
  };
}

function loadOf(ready: readonly PoolWorkerReport[]): PoolLoad {
  const sum = (of: (worker: PoolWorkerReport) => number) => ready.reduce((total, worker) => total + of(worker), 0);
  const timed = ready.filter(({ service_ms }) => service_ms !== null);
  const slots = timed.reduce((total, { concurrency }) => total + concurrency, 0);
  const ms = timed.reduce((total, { concurrency, service_ms }) => total + concurrency * (service_ms ?? 0), 0);
  return {
    workers: ready.length,
    capacity: sum(({ concurrency }) => concurrency),
    running: sum(({ running }) => running),
    waiting: sum(({ waiting }) => waiting),
    service_ms: slots === 0 ? null : Math.round(ms / slots),
  };
}
