#!/usr/bin/env node
import { spawn } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "../local/command.mjs";
import { nodeRefusal } from "../local/install.mjs";

/** `npx bailiwick <command>`: runs on the machine's Node and starts the project's own, which reads TypeScript. Offline. */
const CANNOT = 2;

/** @param {string} line @returns {never} */
function fail(line) {
  process.stderr.write(`bailiwick: ${line}\n`);
  process.exit(CANNOT);
}

const refusal = nodeRefusal(process.versions.node);
if (refusal) fail(refusal);
const node = nodeBinary() ?? fail("nothing is installed yet; run `npm start` or `npm test` once, or `npm ci`");
const main = join(ROOT, "infra/cli/main.ts");
const child = spawn(node, ["--disable-warning=ExperimentalWarning", main, ...process.argv.slice(2)], {
  stdio: "inherit",
});
// A terminal's Ctrl-C reaches both; what is sent to this process alone is passed on.
for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGTERM", "SIGHUP"]))
  process.on(signal, () => child.kill(signal));
process.on("SIGINT", () => {});
child.on("error", (error) => fail(`${node} could not be run: ${error.message}`));
child.on("close", (code) => process.exit(code ?? 1));
