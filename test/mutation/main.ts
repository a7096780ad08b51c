import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Stryker } from "@stryker-mutator/core";
import { ROOT } from "../../infra/local/command.mjs";
import { AREAS } from "./areas.ts";
import { outcomeOf } from "./outcome.ts";

const USAGE = `npm run mutate -- <area> [options]
  areas: ${Object.keys(AREAS).join(", ")}
  --only <pattern>    files of the area to change, instead of all
  --minutes 60        gives up after this time, without an outcome`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: "string" }, minutes: { type: "string", default: "60" }, help: { type: "boolean" } },
});
const [name] = positionals;
const area = name === undefined ? undefined : AREAS[name];
if (name === undefined || area === undefined || values.help) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 1);
}

const started = Date.now();
const scratch = mkdtempSync(join(tmpdir(), "bailiwick-mutation-"));
process.env.BAILIWICK_MUTATION_TESTS = JSON.stringify(area.tests);
const limit = setTimeout(() => {
  console.error(`not done after ${values.minutes} minutes`);
  rmSync(scratch, { recursive: true, force: true });
  process.exit(1);
}, Number(values.minutes) * 60_000);
try {
  const stryker = new Stryker({
    mutate: values.only === undefined ? [...area.mutate] : [values.only, "!**/*.test.ts"],
    testRunner: "vitest",
    plugins: ["@stryker-mutator/vitest-runner"],
    concurrency: 1,
    coverageAnalysis: "perTest",
    // A module's constants are read once for all tests, so a change of them would need a process for each.
    ignoreStatic: true,
    reporters: ["progress-append-only"],
    tempDirName: scratch,
    // What the tests never read is not copied for them.
    ignorePatterns: [
      "**/.cache",
      "**/*.log",
      ".wrangler",
      "docs",
      "gpu-workers",
      "test/bench",
      "test/mutation/results",
    ],
    // TypeScript 7 has no interface that Stryker could rewrite the configuration with; nothing in it needs rewriting.
    tsconfigFile: "tsconfig.absent.json",
    timeoutMS: 10_000,
    ...{ vitest: { configFile: "test/mutation/vitest.config.ts", related: false } },
  });
  const mutants = await stryker.runMutationTest();
  const outcome = outcomeOf(name, mutants, new Date().toISOString(), Math.round((Date.now() - started) / 1000));
  for (const { at, status, original, replacement } of outcome.survivors)
    console.log(`${status.padEnd(10)} ${at}  ${original}  →  ${replacement}`);
  console.log(`${name}: ${outcome.score} % of the changes noticed, ${JSON.stringify(outcome.counts)}`);
  if (values.only === undefined) {
    const folder = join(ROOT, "test/mutation/results");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(outcome, null, 2)}\n`);
  }
} finally {
  clearTimeout(limit);
  rmSync(scratch, { recursive: true, force: true });
}
