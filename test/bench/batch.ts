import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ROOT } from "../../infra/local/command.mjs";
import { runBatch } from "./queue/batch.ts";

/**
 * One batch on the queue lane over an embedded cell and two worker processes, of which one is killed halfway: no line is
 * lost or doubled, and neither cell nor worker takes more memory for a larger file.
 */
const { values } = parseArgs({
  options: {
    lines: { type: "string", default: "50000" },
    // 50,000 of them are 200 MB, which is as much as a batch may have.
    "line-bytes": { type: "string", default: "4000" },
    "cancel-after": { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log("node test/bench/batch.ts [--lines 50000] [--line-bytes 4000] [--cancel-after 2000]");
  process.exit(0);
}

const size = {
  ...{ lines: Number(values.lines), lineBytes: Number(values["line-bytes"]) },
  cancelAfter: values["cancel-after"] === undefined ? null : Number(values["cancel-after"]),
};
const batch = await runBatch(size, (text) => void process.stderr.write(`${text}\n`));
const mib = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
const rows = [
  ["input", `${batch.lines} lines, ${(batch.input_bytes / 1e6).toFixed(1)} MB`],
  ["upload", `${batch.upload_seconds.toFixed(1)} s`],
  [
    "from creation to the end",
    `${batch.seconds.toFixed(1)} s; ${batch.lines_per_s.toFixed(1)} lines/s, validation included`,
  ],
  ["lines answered / cancelled", `${batch.answered} / ${batch.cancelled_lines}`],
  ["lines lost / doubled / failed", `${batch.lost} / ${batch.doubled} / ${batch.failed}`],
  ["one of two workers killed after", `${batch.killed_after} lines`],
  ["memory of the cell before / most", `${mib(batch.cell_before)} / ${mib(batch.cell_peak)}`],
  ["memory of a worker before / most", `${mib(batch.worker_before)} / ${mib(batch.worker_peak)}`],
];
console.log(`\n| what | figure |\n|---|---|\n${rows.map((row) => `| ${row.join(" | ")} |`).join("\n")}\n`);
const folder = join(ROOT, "test/bench/results");
mkdirSync(folder, { recursive: true });
const at = new Date().toISOString();
const file = join(folder, `batch-${at.replace(/[:.]/g, "-")}.json`);
const machine = {
  ...{ cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory_bytes: totalmem() },
  load: loadavg(),
};
writeFileSync(file, `${JSON.stringify({ at, machine, batch }, null, 2)}\n`);
console.log(`Written to ${file}`);
if (batch.lost + batch.doubled + batch.failed > 0) process.exitCode = 1;
