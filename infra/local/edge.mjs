import { spawn } from "node:child_process";
import { edgeCommand } from "./command.mjs";

// Starts one edge of a cell whose objects are another process's; docs/split.md says what it needs.
const command = edgeCommand(process.env);
if ("refusal" in command) {
  process.stderr.write(`bailiwick: ${command.refusal}\n`);
  process.exit(1);
}
const child = spawn(command.file, command.args, { env: command.env, stdio: "inherit" });
// A terminal's Ctrl-C reaches the edge by itself.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("error", (error) => {
  process.stderr.write(`bailiwick: ${command.file} could not be run: ${error.message}\n`);
  process.exit(1);
});
child.on("close", (code, signal) => process.exit(code ?? (signal === "SIGKILL" ? 137 : 1)));
