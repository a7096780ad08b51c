import { join } from "node:path";
import { nodeBinary, ROOT } from "./command.mjs";
import { keepRunning } from "./keep-running.mjs";

/** Beyond the worker's own drain bound, which is short here: its engine answers in moments. */
const DRAIN_MS = 5_000;
const KILL_MS = 8_000;
const CONCURRENCY = 16;
/** What the worker may take from the environment of whoever starts the cell. */
const PASSED =
  /^(?:BAILIWICK_ENGINE(?:_URL|_MODELS)?|BAILIWICK_SYNTHETIC_TOKENS_PER_S|BAILIWICK_WORKER_(?:CONCURRENCY|PORT|DRAIN_MS)|OTEL_EXPORTER_OTLP_ENDPOINT|OTEL_METRIC_EXPORT_INTERVAL)$/;

/**
 * The worker's whole environment: it sees nothing else of this process's.
 * @param {import("./worker.d.mts").LocalWorkerOptions} options @returns {Record<string, string>}
 */
export function workerEnvironment({ env, concurrency, models, ...cell }) {
  const passed = Object.entries(env).filter(([name, value]) => PASSED.test(name) && value);
  return {
    BAILIWICK_ENGINE: "synthetic",
    BAILIWICK_ENGINE_MODELS: models.join(","),
    BAILIWICK_WORKER_CONCURRENCY: String(concurrency ?? CONCURRENCY),
    BAILIWICK_WORKER_DRAIN_MS: String(DRAIN_MS),
    .../** @type {Record<string, string>} */ (Object.fromEntries(passed)),
    BAILIWICK_CELL_URL: cell.cellUrl,
    BAILIWICK_CELL: cell.cell,
    BAILIWICK_JURISDICTION: cell.jurisdiction,
    BAILIWICK_POOL: cell.pool,
    BAILIWICK_WORKER: `local-${cell.pool}`,
    BAILIWICK_WORKER_SECRET_FILE: cell.secretFile,
    BAILIWICK_QUEUE: "sqlite",
    BAILIWICK_QUEUE_FILE: cell.queueFile,
  };
}

/** @param {import("./worker.d.mts").LocalWorkerOptions} options @returns {import("./worker.d.mts").LocalWorker} */
export function startLocalWorker(options) {
  const { pool, print } = options;
  const file = nodeBinary();
  if (file === null) throw new Error("the pinned Node is not installed; delete node_modules and start again");
  return keepRunning({
    file,
    args: ["--disable-warning=ExperimentalWarning", join(ROOT, "gpu-workers/main.ts")],
    env: workerEnvironment(options),
    prefix: `worker ${pool}: `,
    killMs: KILL_MS,
    print,
  });
}
