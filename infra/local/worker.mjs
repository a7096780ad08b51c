import { spawn } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "./command.mjs";
import { crashLine } from "./crash-line.mjs";

const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** A worker that lived for so long crashed for a new reason. */
const GOOD_MS = 60_000;
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
  const prefix = `worker ${pool}: `;
  const node = nodeBinary();
  if (node === null) throw new Error("the pinned Node is not installed; delete node_modules and start again");
  let stopping = false;
  let waitMs = RESTART_MS_MIN;
  /** @type {import("node:child_process").ChildProcess | null} */
  let child = null;
  /** @type {ReturnType<typeof setTimeout> | null} */
  let timer = null;
  /** @type {() => void} */
  let gone = () => undefined;

  const start = () => {
    timer = null;
    const startedMs = performance.now();
    const made = spawn(node, ["--disable-warning=ExperimentalWarning", join(ROOT, "gpu-workers/main.ts")], {
      cwd: ROOT,
      env: workerEnvironment(options),
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = made;
    const out = lines((line) => print(prefix + line));
    const err = crashLine((text) => print(prefix + text.trimEnd()));
    made.stdout.setEncoding("utf8").on("data", out.write);
    made.stderr.setEncoding("utf8").on("data", err.write);
    made.on("error", (error) => print(`${prefix}could not be run: ${error.message}`));
    made.on("close", (code, signal) => {
      out.end();
      err.end();
      child = null;
      if (stopping) {
        gone();
        return;
      }
      if (performance.now() - startedMs >= GOOD_MS) waitMs = RESTART_MS_MIN;
      print(`${prefix}ended with ${signal ?? code}; starts again in ${waitMs} ms`);
      timer = setTimeout(start, waitMs);
      timer.unref();
      waitMs = Math.min(2 * waitMs, RESTART_MS_MAX);
    });
  };
  // A process that just ends must not leave its worker behind.
  const orphan = () => void child?.kill("SIGTERM");
  process.once("exit", orphan);
  start();

  return {
    async stop() {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      process.removeListener("exit", orphan);
      const running = child;
      if (running === null) return;
      const ended = new Promise((/** @type {(value: void) => void} */ resolve) => {
        gone = resolve;
      });
      running.kill("SIGTERM");
      const kill = setTimeout(() => running.kill("SIGKILL"), KILL_MS);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** Cuts output into lines. @param {(line: string) => void} take */
function lines(take) {
  let rest = "";
  return {
    /** @param {string} text */
    write(text) {
      const whole = (rest + text).split("\n");
      rest = whole.pop() ?? "";
      for (const line of whole) take(line);
    },
    end() {
      if (rest !== "") take(rest);
      rest = "";
    },
  };
}
