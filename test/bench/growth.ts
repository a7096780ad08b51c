import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeBinary } from "../../infra/local/command.mjs";
import { AXES, type World } from "./growth/worlds.ts";
import { drive } from "./in-process/drive.ts";
import { markdown } from "./report.ts";
import { machine, writeResult } from "./results-file.ts";

const USAGE = `npm run bench:growth [-- options]     what a call costs as a cell grows, as a ratio to the smallest
  (homes lie in TMPDIR: name a file system in memory where provisioning 10,000 tenants takes too long)
  --axes ${Object.keys(AXES).join(",")}
  --rounds 9          of each size, in turn, so that what else the machine does meets all sizes alike
  --largest 1000000   leaves out larger sizes, where filling them takes too long
  --smoke             the two smallest sizes, short; writes no file`;
const ALL_AXES = Object.keys(AXES).join(",");
const LARGEST = "1000000";
const CONCURRENCY = 16;

const { values } = parseArgs({
  options: {
    axes: { type: "string", default: ALL_AXES },
    rounds: { type: "string", default: "9" },
    largest: { type: "string", default: LARGEST },
    smoke: { type: "boolean", default: false },
    one: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}
const rounds = values.smoke ? 2 : Number(values.rounds);
const WARM_ROUNDS = 2;
const callsARound = values.smoke ? 100 : 400;

interface Point {
  axis: string;
  /** What grows and how it is called. */
  what: string;
  size: number;
  cpu_us_per_call: number;
  p50_ms: number;
  cpu_ratio: number;
  p50_ratio: number;
}

/** One series at one size, and what its rounds cost. */
interface Line {
  size: number;
  what: string;
  call: (at: number) => Promise<unknown>;
  seen: { cpuUs: number; p50Ms: number }[];
  asked: number;
}

if (values.one !== undefined) {
  process.send?.(await curve(values.one));
  process.disconnect?.();
} else {
  const points: Point[] = [];
  for (const axis of values.axes.split(",")) {
    const found = await inOwnProcess(axis);
    points.push(...found);
    for (const what of new Set(found.map((point) => point.what)))
      console.log(`${what}\n${table(found.filter((point) => point.what === what))}\n`);
  }
  const run = { at: new Date().toISOString(), machine: machine(), rounds, calls_a_round: callsARound };
  if (!values.smoke)
    console.log(
      `Written to ${writeResult(values.axes === ALL_AXES && values.largest === LARGEST ? "growth" : "partial", { ...run, points })}`,
    );
}

/** Every axis in a process of its own, so that none inherits the heap of another. */
function inOwnProcess(axis: string): Promise<Point[]> {
  const args = [
    "--one",
    axis,
    "--rounds",
    values.rounds,
    "--largest",
    values.largest,
    ...(values.smoke ? ["--smoke"] : []),
  ];
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), args, { execPath: nodeBinary() ?? process.execPath });
    child.on("message", (points: Point[]) => resolve(points));
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the curve of ${axis} ended with ${code}`)));
  });
}

async function curve(name: string): Promise<Point[]> {
  const axis = AXES[name];
  if (axis === undefined) throw new Error(`unknown axis ${name}\n${USAGE}`);
  const upTo = axis.sizes.filter((size) => size <= Number(values.largest));
  const sizes = values.smoke ? upTo.slice(0, 2) : upTo;
  const worlds: World[] = [];
  const lines: Line[] = [];
  for (const size of sizes) {
    const started = performance.now();
    const world = await axis.open(size);
    worlds.push(world);
    lines.push(...world.series.map((call, at) => ({ size, call, what: axis.titles[at] ?? name, seen: [], asked: 0 })));
    console.error(`${name} ${size}: ready after ${Math.round((performance.now() - started) / 1000)} s`);
  }
  // The first rounds load and compile; they are not counted.
  for (let round = -WARM_ROUNDS; round < rounds; round++)
    for (const line of lines) {
      const driven = await drive(CONCURRENCY, async (at) => {
        if (at >= callsARound) return false;
        await line.call(line.asked + at);
        return true;
      });
      line.asked += driven.calls;
      if (round >= 0) line.seen.push({ cpuUs: driven.cpuUs / driven.calls, p50Ms: median(driven.latenciesMs) });
    }
  for (const world of worlds) await world.close();
  return lines.map(({ size, what, seen }) => {
    const [cpu, p50] = cost(seen);
    const [cpuLeast, p50Least] = cost(lines.find((line) => line.what === what)?.seen ?? seen);
    return {
      axis: name,
      what,
      size,
      cpu_us_per_call: Math.round(cpu),
      p50_ms: Math.round(p50 * 100) / 100,
      cpu_ratio: cpu / cpuLeast,
      p50_ratio: p50 / p50Least,
    };
  });
}

function cost(seen: Line["seen"]): [cpuUs: number, p50Ms: number] {
  return [median(seen.map(({ cpuUs }) => cpuUs)), median(seen.map(({ p50Ms }) => p50Ms))];
}

function median(seen: readonly number[]): number {
  return [...seen].sort((a, b) => a - b)[Math.floor(seen.length / 2)] ?? Number.NaN;
}

function table(points: readonly Point[]): string {
  return markdown(
    ["size", "CPU µs a call", "ratio", "p50 ms", "ratio"],
    points.map((point) => [
      point.size.toLocaleString("en"),
      String(point.cpu_us_per_call),
      point.cpu_ratio.toFixed(2),
      point.p50_ms.toFixed(2),
      point.p50_ratio.toFixed(2),
    ]),
  );
}
