import { fork } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";
import { type HeldResult, held } from "./held.ts";
import { type Measurement, measure, type Shape } from "./measure.ts";
import { startMock } from "./mock.ts";
import type { PacedResult, PacedSpec } from "./paced.ts";
import type { Skipped, Target } from "./process-target.ts";
import { heldTable, pacedTable, table } from "./report.ts";
import { type BenchRun, machine, type PacedRow, writeResult } from "./results-file.ts";
import { CELLS, TARGETS } from "./targets.ts";

const DEFAULTS = {
  targets: "direct,bare-deno,bare-workerd,portkey,litellm,bifrost,deno,deno-edges,workerd,global",
  concurrency: "1,10,64",
  tenants: "1,64",
  seconds: "5",
  streams: "1000",
};
const USAGE = `npm run bench [-- options]     a full run takes about a quarter of an hour
  --targets ${DEFAULTS.targets}   and node
  --concurrency ${DEFAULTS.concurrency}    connections
  --tenants ${DEFAULTS.tenants}          tenants of a cell; more than one only where there are that many connections
  --seconds ${DEFAULTS.seconds}             measured time of each run, after a warm-up of a quarter of it
  --streams ${DEFAULTS.streams}          held open at once; 0 for none
  --smoke                 one short run of each, to see that everything works; writes no file`;

const { values } = parseArgs({
  options: {
    targets: { type: "string", default: DEFAULTS.targets },
    concurrency: { type: "string", default: DEFAULTS.concurrency },
    tenants: { type: "string", default: DEFAULTS.tenants },
    seconds: { type: "string", default: DEFAULTS.seconds },
    streams: { type: "string", default: DEFAULTS.streams },
    smoke: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const PACED_CONNECTIONS = 10;
const WARM_CALLS = values.smoke ? 4 : 40;
/** Of either kind, at the most connections: a runtime goes on compiling what is hot for so long under load. */
const WARM_LOAD_MS = values.smoke ? 0 : 5_000;
const numbers = (text: string) => text.split(",").map(Number);
const concurrencies = values.smoke ? [10] : numbers(values.concurrency);
const tenantCounts = values.smoke ? [1] : numbers(values.tenants);
const duration_ms = values.smoke ? 1_000 : Number(values.seconds) * 1000;
const streams = values.smoke ? 50 : Number(values.streams);
const pacedStreams = values.smoke ? 2 : 6;
const asDefault =
  !values.smoke && Object.entries(DEFAULTS).every(([name, value]) => Reflect.get(values, name) === value);

const run: BenchRun = {
  at: new Date().toISOString(),
  machine: machine(),
  seconds: duration_ms / 1000,
  versions: {},
  skipped: [],
  results: [],
  paced: [],
  held: [],
};
const mock = await startMock();
try {
  for (const name of values.targets.split(",")) {
    const target = name === "direct" ? mock : await started(name);
    if ("skipped" in target) {
      run.skipped.push(target);
      console.error(`${name}: left out, ${target.skipped}`);
      continue;
    }
    run.versions[name] = target.version;
    try {
      await drive(target);
    } finally {
      if (target !== mock) await target.stop();
    }
  }
} finally {
  await mock.stop();
}

console.log(`\n${table(run.results)}\n\n${pacedTable(run.paced)}\n\n${heldTable(run.held)}\n`);
for (const { name, skipped } of run.skipped) console.log(`${name} was left out: ${skipped}`);
const failures = [...run.results, ...run.paced].reduce((sum, row) => sum + row.failures, 0);
const lost = run.held
  .filter((row) => CELLS.includes(row.target))
  .reduce((sum, row) => sum + row.streams - row.complete, 0);
const whole = asDefault && failures === 0 && lost === 0;
if (!values.smoke) console.log(`Written to ${writeResult(whole ? "bench" : "partial", run)}`);
if (failures + lost > 0) {
  console.error(`${failures} requests and ${lost} held streams failed: this is no valid comparison.`);
  process.exit(1);
}

/** A peer that does not start on this machine is left out with what it said; a cell that does not start ends the run. */
async function started(name: string): Promise<Target | Skipped> {
  const start = TARGETS[name];
  if (start === undefined) throw new Error(`unknown target ${name}\n${USAGE}`);
  try {
    return await start(mock.url, Math.max(...tenantCounts));
  } catch (cause) {
    if (CELLS.includes(name) || name === "global") throw cause;
    return { name, skipped: cause instanceof Error ? cause.message : String(cause) };
  }
}

/**
 * The first calls of a process load and compile what later ones find ready: they are made before anything is measured, one
 * at a time and then as fast as they go.
 */
async function warm(target: Target): Promise<void> {
  const ask = async (stream: boolean) => {
    const response = await fetch(`${target.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...target.tenants[0] },
      body: JSON.stringify({
        model: `${target.modelPrefix ?? ""}instant`,
        stream,
        messages: [{ role: "user", content: "Hello." }],
      }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${target.name} answered ${response.status}: ${text.slice(0, 200)}`);
  };
  for (let call = 0; call < WARM_CALLS; call++) await ask(call % 2 === 1);
  if (WARM_LOAD_MS === 0) return;
  const most = { concurrency: Math.max(...concurrencies), tenants: 1, warmup_ms: 0, duration_ms: WARM_LOAD_MS };
  for (const stream of [false, true]) await measure(target, { ...most, stream }, []);
}

async function drive(target: Target): Promise<void> {
  await warm(target);
  const ours = mock.pid === null ? [] : [mock.pid];
  for (const shape of shapes(target)) {
    const row = await measure(target, shape, ours);
    run.results.push(row);
    console.error(
      `${row.target} ${row.stream ? "stream" : "unary"} c=${row.concurrency} tenants=${row.tenants}: ` +
        `${row.per_second.toFixed(0)} req/s, p50 ${row.latency_ms.p50.toFixed(2)} ms` +
        said(row) +
        (row.elsewhere_share > 0.1
          ? `, ${(row.elsewhere_share * 100).toFixed(0)} % of the machine used elsewhere`
          : ""),
    );
  }
  const row: PacedRow = { target: target.name, concurrency: PACED_CONNECTIONS, ...(await pacedRun(target)) };
  run.paced.push(row);
  console.error(
    `${row.target} paced: first token ${row.first_token_ms.p50.toFixed(2)} ms, ` +
      `between tokens ${row.gap_ms.p50.toFixed(2)}/${row.gap_ms.p99.toFixed(2)} ms${said(row)}`,
  );
  if (streams === 0) return;
  const many: HeldResult = await held(target, streams);
  run.held.push(many);
  const loss = many.loss_example === null ? "" : ` (${many.loss_example})`;
  console.error(`${many.target}: ${many.complete} of ${many.streams} streams held to their end${loss}`);
}

function said({ failures, failure_example }: Pick<Measurement, "failures" | "failure_example">): string {
  return failures > 0 ? `, ${failures} FAILED (${failure_example})` : "";
}

function pacedRun(target: Target): Promise<PacedResult> {
  const spec: PacedSpec = {
    url: `${target.url}/chat/completions`,
    headers: target.tenants.slice(0, 1),
    body: JSON.stringify({
      model: `${target.modelPrefix ?? ""}paced`,
      stream: true,
      messages: [{ role: "user", content: "One token at a time." }],
    }),
    concurrency: PACED_CONNECTIONS,
    streams: pacedStreams,
  };
  return new Promise((resolve, reject) => {
    const child = fork(join(ROOT, "test/bench/paced.ts"), [JSON.stringify(spec)], {
      execPath: nodeBinary() ?? process.execPath,
    });
    child.on("message", (result: PacedResult) => resolve(result));
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the reader of paced streams ended with ${code}`)));
  });
}

function shapes(target: Target): Shape[] {
  const counts = target.tenants.length > 1 ? tenantCounts : [1];
  return [false, true].flatMap((stream) =>
    concurrencies.flatMap((concurrency) =>
      counts
        .filter((count) => count <= concurrency || count === 1)
        .map((count) => ({ stream, concurrency, tenants: count, warmup_ms: duration_ms / 4, duration_ms })),
    ),
  );
}
