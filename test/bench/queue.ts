import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../infra/local/command.mjs";
import { liveStreams } from "./queue/live.ts";
import { batchLines, firstTokens, relayed } from "./queue/runs.ts";
import { startBenchWorld } from "./queue/world.ts";

/**
 * The queue lane beside the direct lane, in one run over one embedded cell with everything on, two worker processes and
 * one engine that answers at once. Figures are of the machine at hand; the differences carry further.
 */
const USAGE = `npm run bench:queue [-- options]
  --calls 300        streams of each lane for the time to the first token
  --seconds 8        measured time of each throughput run
  --streams 1000     streams that are open at once
  --token-ms 1000    one token of each of them in so long, while all are open
  --lines 2000       lines of each batch
  --only live        nothing but the live streams
  --smoke            one short run of each, to see that everything works`;

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "300" },
    seconds: { type: "string", default: "8" },
    streams: { type: "string", default: "1000" },
    "token-ms": { type: "string", default: "1000" },
    lines: { type: "string", default: "2000" },
    only: { type: "string" },
    smoke: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
if (values.only !== undefined && values.only !== "live") throw new Error(`--only ${values.only} is not known`);
const size = (asked: string, smoke: number): number => (values.smoke ? smoke : Number(asked));
const fixed = (value: number, digits = 1): string => value.toFixed(digits);
const note = (text: string): void => void process.stderr.write(`${text}\n`);

const world = await startBenchWorld();
try {
  const measured = values.only === "live" ? null : await lanes();
  note("live streams …");
  const live = await liveStreams(world, size(values.streams, 20), { everyMs: Number(values["token-ms"]) });
  const rows = [
    ...(measured?.rows ?? []),
    [
      "live streams, queue lane",
      `${live.live_at_once} of ${live.streams} at once, at a token in ${live.every_ms} ms each, ${live.lost} lost, ${live.doubled} doubled; ${live.tokens_received} of ${live.tokens_sent} tokens came`,
    ],
    [
      "memory of a live stream",
      `cell ${fixed(live.before.cell_mib, 0)} → ${fixed(live.during.cell_mib, 0)} MiB, ${fixed(live.cell_kib_per_stream, 0)} KiB each; workers ${fixed(live.before.workers_mib, 0)} → ${fixed(live.during.workers_mib, 0)} MiB, ${fixed(live.workers_kib_per_stream, 0)} KiB each`,
    ],
    [
      "CPU of the cell for live streams",
      `${fixed(live.cell_cpu_ms_per_begin, 1)} ms a stream until all were open (${fixed(live.begin_seconds)} s), then ${fixed(live.cell_cpu_us_per_token, 0)} µs a token`,
    ],
  ];
  console.log(`\n| what | figure |\n|---|---|\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}\n`);
  const folder = join(ROOT, "test/bench/results");
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const file = join(folder, `queue-${at.replace(/[:.]/g, "-")}.json`);
  const machine = {
    ...{ cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory_bytes: totalmem() },
    load: loadavg(),
  };
  writeFileSync(file, `${JSON.stringify({ at, machine, ...measured?.figures, live }, null, 2)}\n`);
  console.log(`Written to ${file}`);
  if (live.lost + live.doubled > 0) {
    note(`${live.lost} streams were lost, ${live.doubled} doubled: ${JSON.stringify(live.lost_example)}`);
    process.exitCode = 1;
  }
} finally {
  await world.stop();
}

/** Everything but the live streams. */
async function lanes() {
  note("time to the first token …");
  const first = await firstTokens(world, size(values.calls, 10));
  note("tokens relayed …");
  const durationMs = size(values.seconds, 1) * 1_000;
  const relay = [];
  for (const concurrency of values.smoke ? [4] : [1, 16, 64])
    for (const lane of ["direct", "queue"] as const) relay.push(await relayed(world, lane, concurrency, durationMs));
  note("batches …");
  const lines = size(values.lines, 40);
  const batches = [await batchLines(world, "direct", lines), await batchLines(world, "queue", lines)];
  const rows = [
    ["time to first token, direct lane", `${fixed(first.direct_ms.p50)} ms p50, ${fixed(first.direct_ms.p99)} ms p99`],
    ["time to first token, queue lane", `${fixed(first.queue_ms.p50)} ms p50, ${fixed(first.queue_ms.p99)} ms p99`],
    ["added by the queue lane", `${fixed(first.added_ms.p50)} ms p50, ${fixed(first.added_ms.p99)} ms p99`],
    ...relay.map(({ lane, concurrency, tokens_per_s, first_token_ms, cell_cpu_us_per_token }) => [
      `tokens relayed, ${lane} lane, ${concurrency} callers`,
      `${fixed(tokens_per_s, 0)}/s, first token ${fixed(first_token_ms.p50)} ms p50, ${fixed(cell_cpu_us_per_token, 0)} µs of the cell's CPU a token`,
    ]),
    ...batches.map(({ lane, lines: all, lines_per_s }) => [
      `batch of ${all} lines, ${lane} lane`,
      `${fixed(lines_per_s)} lines/s`,
    ]),
  ];
  return { rows, figures: { first_token: first, relay, batches } };
}
