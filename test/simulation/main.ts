import { availableParallelism } from "node:os";
import { DEFECTS } from "./defects/defects.ts";
import { findAll } from "./defects/find.ts";
import { runSeeds } from "./run.ts";
import type { Outcome } from "./simulate.ts";

const given = (name: string): string | null => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? null : (process.argv[at + 1] ?? "");
};
const number = (name: string): number | null => {
  const text = given(name);
  return text === null ? null : Number(text);
};
const flag = (name: string): boolean => process.argv.includes(`--${name}`);
const print = (text: string) => void process.stdout.write(`${text}\n`);
const LINES = 60;
const THREADS_MAX = 8;

/** Runs seeds and tells of each that failed; answers how many did. */
async function run(from: number, count: number, alone: boolean): Promise<number> {
  const began = performance.now();
  const cpuBegan = process.cpuUsage();
  const defect = given("defect");
  const slow = flag("slow");
  const moves = flag("moves");
  let failed = 0;
  let done = 0;
  let events = 0;
  const tell = (outcome: Outcome): void => {
    const { seed, violations, lines, digest, met } = outcome;
    done++;
    events += outcome.events;
    if (flag("digests")) print(`${seed} ${digest}`);
    if (violations.length > 0) {
      failed++;
      print(lines.slice(alone ? 0 : -LINES).join("\n"));
      for (const { invariant, detail } of violations) print(`seed ${seed}: ${invariant}: ${detail}`);
      print(
        `replay: npm run simulate -- --seed ${seed}${slow ? " --slow" : ""}${moves ? " --moves" : ""}${defect ? ` --defect ${defect}` : ""}`,
      );
    } else if (alone)
      print(`${lines.join("\n")}\nseed ${seed}: ${outcome.events} events, ${JSON.stringify(met)}, history ${digest}`);
    if (!alone && done % 25 === 0) print(`… ${done} of ${count}`);
  };
  const threads = number("threads") ?? Math.min(THREADS_MAX, availableParallelism());
  await runSeeds({ from, count, threads, defect, slow, moves, first: flag("first") }, tell);
  const seconds = (performance.now() - began) / 1_000;
  const cpu = process.cpuUsage(cpuBegan);
  const cpuS = (cpu.user + cpu.system) / 1_000_000 / done;
  print(
    `${done} seeds, ${failed} failed, ${(done / seconds).toFixed(2)} seeds a second, ${cpuS.toFixed(2)} s of processor and ${Math.round(events / done)} events each`,
  );
  return failed;
}

const seed = number("seed");
const from = seed ?? number("from") ?? 1;
if (flag("defects")) process.exitCode = (await findAll(from, number("seeds") ?? 60, print)) ? 0 : 1;
else {
  const name = given("defect");
  if (name !== null && DEFECTS.every((one) => one.name !== name)) throw new Error(`no defect ${name}`);
  const failed = await run(from, seed === null ? (number("seeds") ?? 20) : 1, seed !== null);
  process.exitCode = failed > 0 ? 1 : 0;
}
