import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { Stryker } from "@stryker-mutator/core";
import { ROOT } from "../../infra/local/command.mjs";
import { AREAS } from "./areas.ts";
import { tried } from "./collected.ts";
import { type Mutant, outcomeOf } from "./outcome.ts";
import { trySql } from "./sql-run.ts";

const USAGE = `npm run mutate -- <area> [options]
  areas: ${Object.keys(AREAS).join(", ")}
  --only <file>       a file of the area to change, or lines of it (a.ts:10-20), instead of all
  --sql               changes the statements in its texts, which Stryker takes as one
  --tests <pattern>   tests that must notice, instead of the area's: fewer are faster; may be given more than once
  --minutes 60        ends after this time with what was tried until then, and exit code 2`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    sql: { type: "boolean", default: false },
    tests: { type: "string", multiple: true },
    minutes: { type: "string", default: "60" },
    help: { type: "boolean" },
  },
});
const [name] = positionals;
const area = name === undefined ? undefined : AREAS[name];
if (name === undefined || area === undefined || values.help) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 1);
}

/** One file of an area has a result of its own. */
const label = `${name}${values.only === undefined ? "" : `.${basename(values.only, ".ts")}`}${values.sql ? ".sql" : ""}`;
const started = Date.now();
const scratch = mkdtempSync(join(tmpdir(), "bailiwick-mutation-"));
const tests = values.tests ?? area.tests;
process.env.BAILIWICK_MUTATION_TESTS = JSON.stringify(tests);
const over = new AbortController();
const limit = setTimeout(() => {
  over.abort();
  console.error(`not done after ${values.minutes} minutes: what was tried until now is reported`);
  finish(tried, false);
}, Number(values.minutes) * 60_000);
const mutate = values.only === undefined ? [...area.mutate] : [values.only, "!**/*.test.ts"];
if (values.sql) {
  await trySql(mutate, scratch, tried, over.signal);
  finish(tried, true);
}
const stryker = new Stryker({
  mutate,
  testRunner: "vitest",
  plugins: ["@stryker-mutator/vitest-runner", new URL("./collected.ts", import.meta.url).pathname],
  concurrency: 1,
  coverageAnalysis: "perTest",
  // A module's constants are read once for all tests, so a change of them would need a process for each.
  ignoreStatic: true,
  reporters: ["progress-append-only", "collected"],
  tempDirName: scratch,
  // What the tests never read is not copied for them.
  ignorePatterns: ["**/.cache", "**/*.log", ".wrangler", "docs", "gpu-workers", "test/bench", "test/mutation/results"],
  // TypeScript 7 has no interface that Stryker could rewrite the configuration with; nothing in it needs rewriting.
  tsconfigFile: "tsconfig.absent.json",
  timeoutMS: 10_000,
  ...{ vitest: { configFile: "test/mutation/vitest.config.ts", related: false } },
});
finish(await stryker.runMutationTest(), true);

/** Writes and prints what was seen, and ends the process with what it started. */
function finish(mutants: readonly Mutant[], complete: boolean): never {
  clearTimeout(limit);
  rmSync(scratch, { recursive: true, force: true });
  const seconds = Math.round((Date.now() - started) / 1000);
  const outcome = { ...outcomeOf(label, mutants, new Date().toISOString(), seconds), complete, tests };
  for (const { at, status, original, replacement } of outcome.survivors)
    console.log(`${status.padEnd(10)} ${at}  ${original}  →  ${replacement}`);
  console.log(`${label}: ${outcome.score} % of the changes noticed, ${JSON.stringify(outcome.counts)}`);
  if (values.only?.includes(":")) process.exit(complete ? 0 : 2);
  const folder = join(ROOT, "test/mutation/results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${label}.json`), `${JSON.stringify(outcome, null, 2)}\n`);
  process.exit(complete ? 0 : 2);
}
