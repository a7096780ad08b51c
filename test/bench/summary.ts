import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../infra/local/command.mjs";
import { added, against, bareOf, bytesPerStream, fixed, markdown, sameShape } from "./report.ts";
import { type BenchRun, newestRun } from "./results-file.ts";

/**
 * The README's figures, from the newest whole run: `node test/bench/summary.ts` writes them, `--check` only says
 * whether they are those of that file (exit 1 when not).
 */
const BEGIN = "<!-- bench:begin, written by test/bench/summary.ts -->";
const END = "<!-- bench:end -->";
const README = join(ROOT, "README.md");
const CONCURRENCY = 64;
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const KIB = 1024;

const NAMES: Readonly<Record<string, string>> = {
  direct: "the upstream itself",
  "bare-deno": "bare proxy on Deno",
  "bare-workerd": "bare proxy on workerd",
  portkey: "Portkey",
  litellm: "LiteLLM",
  bifrost: "Bifrost",
  deno: "**Bailiwick on Deno**",
  "deno-edges": "**Bailiwick on Deno, two edges beside it**",
  workerd: "**Bailiwick on workerd**",
  global: "Bailiwick's global entry",
};

/** The text between the README's marks for one run. */
export function summary({ name, run }: { name: string; run: BenchRun }): string {
  const { machine, results } = run;
  const rows = results.filter(({ concurrency, tenants }) => concurrency === CONCURRENCY && tenants === 1);
  const elsewhere = Math.max(...rows.map((row) => row.elsewhere_share));
  return [
    `${machine.cores} cores (${machine.cpu}), ${(machine.memory_bytes / GIB).toFixed(0)} GiB, Linux ${machine.kernel}, ` +
      `${run.at.slice(0, 10)}; ${CONCURRENCY} connections, one tenant, ${run.seconds} s a row. What else ran on the machine ` +
      `meanwhile took up to ${Math.round(elsewhere * 100)} % of it` +
      `${elsewhere > BUSY ? ": read the ratios, not the figures" : ""}. ` +
      `All shapes: [test/bench/results/${name}](test/bench/results/${name}).`,
    throughput(run, false),
    throughput(run, true),
    tokens(run),
    [
      ...Object.entries(run.versions).map(([target, version]) => `- ${NAMES[target] ?? target}: ${version}.`),
      ...run.skipped.map(({ name: target, skipped }) => `- ${NAMES[target] ?? target} was left out: ${skipped}`),
    ].join("\n"),
  ].join("\n\n");
}

const BUSY = 0.1;

function throughput({ results }: BenchRun, stream: boolean): string {
  const head = [
    "target",
    "req/s",
    "added p50 ms",
    "added p99 ms",
    "CPU µs a request",
    "peak MiB",
    "× bare",
    "× Portkey",
  ];
  const rows = results
    .filter((row) => row.concurrency === CONCURRENCY && row.tenants === 1 && row.stream === stream)
    .map((row) => {
      const bare = bareOf(row.target);
      return [
        NAMES[row.target] ?? row.target,
        row.per_second.toFixed(0),
        fixed(added(row, results, "p50"), 1),
        fixed(added(row, results, "p99"), 1),
        fixed(row.cpu_us_per_request, 0),
        fixed(row.peak_memory_bytes === null ? null : row.peak_memory_bytes / MIB, 0),
        fixed(bare === null ? null : against(row, results, bare), 2),
        sameShape(row, results, "portkey") === row ? "1" : fixed(against(row, results, "portkey"), 2),
      ];
    });
  return `${stream ? "Streams of 20 tokens" : "Unary calls"}:\n\n${markdown(head, rows)}`;
}

function tokens({ paced, held }: BenchRun): string {
  const base = paced.find(({ target }) => target === "direct");
  const rows = paced.map((row) => {
    const many = held.find(({ target }) => target === row.target);
    const each = many === undefined ? null : bytesPerStream(many);
    const over = (value: number, of: number | undefined) =>
      row.target === "direct" || of === undefined ? "–" : (value - of).toFixed(1);
    return [
      NAMES[row.target] ?? row.target,
      over(row.first_token_ms.p50, base?.first_token_ms.p50),
      over(row.first_token_ms.p99, base?.first_token_ms.p99),
      over(row.gap_ms.p99, base?.gap_ms.p99),
      many === undefined ? "–" : `${many.complete} of ${many.streams}`,
      fixed(each === null ? null : each / KIB, 0),
    ];
  });
  const head = [
    "target",
    "first token, added p50 ms",
    "added p99 ms",
    "between tokens, added p99 ms",
    "held to their end",
    "KiB a held stream",
  ];
  return `Streams with a token each 20 ms, 10 at once; and many held open at once:\n\n${markdown(head, rows)}`;
}

/** The README with this text between its marks; null when it has none. */
export function withSummary(readme: string, text: string): string | null {
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  return from < 0 || to < from ? null : `${readme.slice(0, from)}${BEGIN}\n${text}\n${readme.slice(to)}`;
}

/** What stands between the marks as long as no whole run is kept. */
const NO_RUN =
  "No whole run is kept yet: `npm run bench` writes one, and `node test/bench/summary.ts` puts its figures here.";

/** The README as it should be for the newest whole run, and that run's name. */
export function wanted(readme: string): { name: string; text: string } {
  const newest = newestRun();
  const text = withSummary(readme, newest === null ? NO_RUN : summary(newest));
  if (text === null) throw new Error(`README.md has no lines ${BEGIN} and ${END}`);
  return { name: newest?.name ?? "no run", text };
}

if (import.meta.main) {
  const readme = readFileSync(README, "utf8");
  const { name, text } = wanted(readme);
  if (text === readme) console.log(`README.md has the figures of ${name}`);
  else if (process.argv.includes("--check")) {
    console.error(`the figures in README.md are not those of ${name}: node test/bench/summary.ts`);
    process.exitCode = 1;
  } else {
    writeFileSync(README, text);
    console.log(`README.md has the figures of ${name} now`);
  }
}
