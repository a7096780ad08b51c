import { spawn } from "node:child_process";
import { join } from "node:path";
import { nodeBinary, ROOT } from "./command.mjs";
import { install, nodeRefusal } from "./install.mjs";

/** `npm run cells`: installs what is missing on the machine's Node and goes on with the project's own. */
/** @param {string} line @returns {never} */
function fail(line) {
  process.stderr.write(`bailiwick: ${line}\n`);
  process.exit(1);
}

const refusal = nodeRefusal(process.versions.node);
if (refusal) fail(refusal);
const failure = await install(ROOT, { dev: false }, (line) => process.stdout.write(`${line}\n`));
if (failure) fail(failure);
const node = nodeBinary() ?? fail("the pinned Node is not installed; delete node_modules and start again");
const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(ROOT, "infra/local/two-cells.ts")], {
  stdio: "inherit",
});
// A terminal's Ctrl-C reaches both; what is sent to this process alone is passed on.
for (const signal of /** @type {NodeJS.Signals[]} */ (["SIGTERM", "SIGHUP"]))
  process.on(signal, () => child.kill("SIGTERM"));
process.on("SIGINT", () => {
  if (!process.stdin.isTTY) child.kill("SIGINT");
});
child.on("error", (error) => fail(`${node} could not be run: ${error.message}`));
child.on("close", (code) => process.exit(code ?? 1));
