import { spawn } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "./command.mjs";
import { install, nodeRefusal } from "./install.mjs";

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
const steps = [
  { name: "format and lint", file: node, args: [bin("@biomejs/biome/bin/biome"), "check"] },
  { name: "types", file: node, args: [bin("typescript/bin/tsc"), "--noEmit", "-p", "."] },
  {
    name: "tests",
    file: node,
    args: [bin("vitest/vitest.mjs"), "run", "--config", "test/vitest.config.ts", ...wanted],
  },
].filter((step) => only.length === 0 || step.name === "tests");

let failed = 0;
for (const step of steps) {
  const started = Date.now();
  process.stdout.write(`\n== ${step.name}\n`);
  const code = await new Promise((resolve) => {
    const child = spawn(step.file, step.args, {
      cwd: ROOT,
      stdio: "inherit",
      env: { ...process.env, PATH: `${bin(".bin")}:${process.env.PATH}` },
    });
    child.on("error", () => resolve(1));
    child.on("close", (status) => resolve(status ?? 1));
  });
  process.stdout.write(
    `== ${step.name}: ${code === 0 ? "ok" : "FAILED"} (${Math.round((Date.now() - started) / 1000)} s)\n`,
  );
  if (code !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
