import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { chatBody } from "./in-process/chat.ts";
import { drive } from "./in-process/drive.ts";
import { tenantsOf } from "./in-process/tenants.ts";
import { markdown } from "./report.ts";

const USAGE = `node test/bench/compare.ts TREE [TREE …] [options]    whole calls of several checkouts, in one process, in turn
  --stream            streams of 23 frames in place of whole answers
  --tenants 1,16,64   how many tenants call, each number in turn
  --concurrency 16    calls at once
  --rounds 9          of each; the table has medians, and ratios to the first tree and to the first number of tenants
  --seconds 1         of each round`;

const { values, positionals: trees } = parseArgs({
  allowPositionals: true,
  options: {
    stream: { type: "boolean", default: false },
    tenants: { type: "string", default: "1,16,64" },
    concurrency: { type: "string", default: "16" },
    rounds: { type: "string", default: "9" },
    seconds: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});
if (values.help || trees.length === 0) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 1);
}
const tenantCounts = values.tenants.split(",").map(Number);
const PATH = "/v1/chat/completions";
const BODY = chatBody("instant", values.stream);
/** The first rounds load and compile. */
const WARM_ROUNDS = 3;

interface Line {
  tree: string;
  tenants: number;
  call: (at: number) => Promise<unknown>;
  asked: number;
  cpuUs: number[];
}

const cells = [];
const lines: Line[] = [];
for (const tree of trees) {
  const { href } = pathToFileURL(resolve(tree, "test/bench/in-process/cell.ts"));
  // safe because: the same file of another checkout, of which only what is used below has to be the same
  const { openBenchCell } = (await import(href)) as typeof import("./in-process/cell.ts");
  const cell = await openBenchCell({ stream: values.stream });
  cells.push(cell);
  const keys = await tenantsOf(cell, Math.max(...tenantCounts));
  for (const tenants of tenantCounts)
    lines.push({
      tree,
      tenants,
      asked: 0,
      cpuUs: [],
      call: (at) => cell.ask("POST", PATH, keys[at % tenants] ?? "", BODY),
    });
}
for (let round = -WARM_ROUNDS; round < Number(values.rounds); round++) {
  console.error(`round ${round + 1} of ${values.rounds}`);
  for (const line of lines) {
    const until = performance.now() + Number(values.seconds) * 1_000;
    const { calls, cpuUs } = await drive(Number(values.concurrency), async (at) => {
      if (performance.now() >= until) return false;
      await line.call(line.asked + at);
      return true;
    });
    line.asked += calls;
    if (round >= 0) line.cpuUs.push(cpuUs / calls);
  }
}
for (const cell of cells) await cell.close();

const median = (seen: readonly number[]) => [...seen].sort((a, b) => a - b)[Math.floor(seen.length / 2)] ?? Number.NaN;
const cost = (tree: string, tenants: number) =>
  median(lines.find((line) => line.tree === tree && line.tenants === tenants)?.cpuUs ?? []);
const [firstTree = "", firstCount = 1] = [trees[0], tenantCounts[0]];
console.log(
  markdown(
    ["tree", "tenants", "CPU µs a call", "least", `of ${firstTree}`, `of ${firstCount} tenants`],
    lines.map(({ tree, tenants, cpuUs }) => [
      tree,
      String(tenants),
      median(cpuUs).toFixed(0),
      Math.min(...cpuUs).toFixed(0),
      (median(cpuUs) / cost(firstTree, tenants)).toFixed(2),
      (median(cpuUs) / cost(tree, firstCount)).toFixed(2),
    ]),
  ),
);
// Timers of what the cells keep would hold the process for minutes.
process.exit(0);
