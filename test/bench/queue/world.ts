import { type Cell, startCell } from "../../support/cell.ts";
import { PoolWorker } from "../../support/pool-worker.ts";
import { startMock } from "../mock.ts";
import type { Target } from "../process-target.ts";

/** One engine, reached over both lanes: from the edge by HTTP, and by worker processes that pull its work. */
export interface BenchWorld {
  cell: Cell;
  key: string;
  workers: PoolWorker[];
  stop(): Promise<void>;
}

const WORKERS = 2;
/** A little above the live streams of a run, for each worker. */
const CONCURRENCY = 1_024;

const config = (upstream: string): Record<string, string> => ({
  "providers.yml": `
providers:
  mock: { kind: openai, base_url: "${upstream}", locality: local }
  pool: { kind: pool, pool: local }
  live: { kind: pool, pool: live }
`,
  "models.yml": `
models:
  direct: { provider: mock, model: instant, prices: { input: "0.15", output: "0.60" } }
  queued: { provider: pool, model: instant, prices: { input: "0.15", output: "0.60" } }
  queued-live: { provider: live, model: live, prices: { input: "0.15", output: "0.60" } }
`,
  "policies.yml": `
rates:
  key: { per_minute: 1000000, burst: 1000000 }
  user: null
  preauth_per_minute: 1000000
`,
  "tenants.yml": "tenants:\n  default: { privacy: allow-api }\n",
});

export async function startBenchWorld(): Promise<BenchWorld> {
  const mock: Target = await startMock();
  const cell = await startCell({ runtime: "deno", config: config(mock.url), env: { BAILIWICK_LOG: "error" } });
  const workers: PoolWorker[] = [];
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await cell.stop();
    await mock.stop();
  };
  try {
    await ready(cell);
    while (workers.length < WORKERS)
      workers.push(
        await PoolWorker.start({
          ...{ name: `w${workers.length}`, cell, models: "instant", concurrency: CONCURRENCY },
          engineUrl: new URL("/", mock.url).href,
        }),
      );
    return { cell, key: cell.apiKey, workers, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** The first boot of the control database takes seconds of processor time that no call costs: it is waited for. */
export async function ready(cell: Cell): Promise<void> {
  let said = "";
  for (let look = 0; look < 480; look++) {
    said = await (await fetch(`${cell.url}/readyz`)).text();
    if (JSON.parse(said).status === "ready") return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`the cell did not become ready: ${said}`);
}
