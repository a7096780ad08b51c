import { spawn } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "./command.mjs";
import { install, nodeRefusal } from "./install.mjs";
import { runTests } from "./run-tests.mjs";

/** More than any test is given (test/vitest.config.ts). */
const SILENCE_MS_MAX = 15 * 60_000;
const EXIT_MS_MAX = 60_000;

/**
 * `npm test` on a fresh clone: installs what is missing, then runs the steps with the pinned Node. Words after the script
 * name narrow the tests: `npm test -- functions/v1`; with any, only the tests run.
 */
const fail = (/** @type {string} */ line) => {
  process.stderr.write(`${line}\n`);
  process.exit(1);
};
const failure =
  nodeRefusal(process.versions.node) ??
  (await install(ROOT, { dev: true }, (line) => process.stdout.write(`${line}\n`)));
if (failure) fail(failure);
const node = nodeBinary() ?? fail("the pinned Node is not installed; delete node_modules and try again");

const bin = (/** @type {string} */ path) => join(ROOT, "node_modules", path);
const only = process.argv.slice(2);
/** Without words: everything but the heavy project, which has a script of its own. */
const wanted = only.length > 0 ? only : ["unit", "contract", "conformance"].flatMap((name) => ["--project", name]);
const env = { ...process.env, PATH: `${bin(".bin")}:${process.env.PATH}` };
/** @param {string[]} args */
const runs = (args) =>
  new Promise((resolve) => {
    const child = spawn(node, args, { cwd: ROOT, stdio: "inherit", env });
    child.on("error", () => resolve(1));
    child.on("close", (status) => resolve(status ?? 1));
  });
const tests = () =>
  runTests({
    file: node,
    args: [bin("vitest/vitest.mjs"), "run", "--config", "test/vitest.config.ts", ...wanted],
    cwd: ROOT,
    env,
    silenceMsMax: SILENCE_MS_MAX,
    exitMsMax: EXIT_MS_MAX,
    print: (line) => process.stderr.write(`${line}\n`),
  });
const steps = [
  { name: "format and lint", run: () => runs([bin("@biomejs/biome/bin/biome"), "check"]) },
  { name: "types", run: () => runs([bin("typescript/bin/tsc"), "--noEmit", "-p", "."]) },
  { name: "tests", run: tests },
].filter((step) => only.length === 0 || step.name === "tests");

let failed = 0;
for (const step of steps) {
  const started = Date.now();
  process.stdout.write(`\n== ${step.name}\n`);
  const code = await step.run();
  process.stdout.write(
    `== ${step.name}: ${code === 0 ? "ok" : "FAILED"} (${Math.round((Date.now() - started) / 1000)} s)\n`,
  );
  if (code !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
