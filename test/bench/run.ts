import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../infra/local/command.mjs";
import { startCellTarget } from "./cell-target.ts";
import { startGlobalTarget } from "./global-target.ts";
import { type Measurement, measure, type Shape } from "./measure.ts";
import { ratios, table } from "./report.ts";
import { startMock, startPortkey, type Target } from "./targets.ts";

const USAGE = `npm run bench [-- options]
  --targets direct,portkey,deno,workerd,global,node   what is driven (default: the first five)
  --concurrency 1,10,64                        connections
  --tenants 1,64                               tenants of a cell
  --seconds 8                                  measured time of each run, after a warm-up of a quarter of it
  --smoke                                      one short run of each, to see that everything works`;

const { values } = parseArgs({
  options: {
    targets: { type: "string", default: "direct,portkey,deno,workerd,global" },
    concurrency: { type: "string", default: "1,10,64" },
    tenants: { type: "string", default: "1,64" },
    seconds: { type: "string", default: "8" },
    smoke: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const numbers = (text: string) => text.split(",").map(Number);
const concurrencies = values.smoke ? [10] : numbers(values.concurrency);
const tenantCounts = values.smoke ? [1] : numbers(values.tenants);
const duration_ms = values.smoke ? 1_000 : Number(values.seconds) * 1000;

const mock = await startMock();
const all: Measurement[] = [];
try {
  for (const name of values.targets.split(",")) {
    const target = await start(name);
    try {
      for (const shape of shapes(target)) {
        const row = await measure(target, shape);
        all.push(row);
        console.error(
          `${row.target} ${row.stream ? "stream" : "unary"} c=${row.concurrency} tenants=${row.tenants}: ` +
            `${row.per_second.toFixed(0)} req/s, p50 ${row.latency_ms.p50.toFixed(2)} ms` +
            (row.failures > 0 ? `, ${row.failures} FAILED (${row.failure_example})` : ""),
        );
      }
    } finally {
      if (target !== mock) await target.stop();
    }
  }
} finally {
  await mock.stop();
}

console.log(`\n${table(all)}\n`);
const folder = join(ROOT, "test/bench/results");
mkdirSync(folder, { recursive: true });
const file = join(folder, `${new Date().toISOString().replace(/[:.]/g, "-")}.json`);
const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory_bytes: totalmem() };
const withRatios = all.map((row) => ({ ...row, against_portkey: ratios(row, all) }));
writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), machine, results: withRatios }, null, 2)}\n`);
console.log(`Written to ${file}`);
const failures = all.reduce((sum, row) => sum + row.failures, 0);
if (failures > 0) {
  console.error(`${failures} requests failed: this is no valid comparison.`);
  process.exit(1);
}

async function start(name: string): Promise<Target> {
  switch (name) {
    case "direct":
      return mock;
    case "portkey":
      return startPortkey(mock.url);
    case "deno":
    case "node":
    case "workerd":
      return startCellTarget(name, mock.url, Math.max(...tenantCounts));
    case "global":
      return startGlobalTarget(mock.url);
    default:
      throw new Error(`unknown target ${name}\n${USAGE}`);
  }
}

function shapes(target: Target): Shape[] {
  const tenants = target.tenants.length > 1 ? tenantCounts : [1];
  return [false, true].flatMap((stream) =>
    concurrencies.flatMap((concurrency) =>
      tenants
        .filter((count) => count <= concurrency || count === 1)
        .map((count) => ({ stream, concurrency, tenants: count, warmup_ms: duration_ms / 4, duration_ms })),
    ),
  );
}
