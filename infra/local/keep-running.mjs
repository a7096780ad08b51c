import { spawn } from "node:child_process";
import { ROOT } from "./command.mjs";
import { crashLine } from "./crash-line.mjs";

const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 30_000;
/** A process that lived for so long ended for a new reason. */
const GOOD_MS = 60_000;

/** @param {import("./keep-running.d.mts").Kept} kept @returns {import("./keep-running.d.mts").KeptRunning} */
export function keepRunning({ file, args, env, prefix, killMs, ownGroup = false, print }) {
  let stopping = false;
  let waitMs = RESTART_MS_MIN;
  /** @type {import("node:child_process").ChildProcess | null} */
  let child = null;
  /** @type {ReturnType<typeof setTimeout> | null} */
  let timer = null;
  /** @type {() => void} */
  let gone = () => undefined;

  const start = () => {
    timer = null;
    const startedMs = performance.now();
    const made = spawn(file, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"], detached: ownGroup });
    child = made;
    const out = lines((line) => print(prefix + line));
    const err = crashLine((text) => print(prefix + text.trimEnd()));
    made.stdout.setEncoding("utf8").on("data", out.write);
    made.stderr.setEncoding("utf8").on("data", err.write);
    made.on("error", (error) => print(`${prefix}could not be run: ${error.message}`));
    made.on("close", (code, signal) => {
      out.end();
      err.end();
      child = null;
      if (stopping) {
        gone();
        return;
      }
      if (performance.now() - startedMs >= GOOD_MS) waitMs = RESTART_MS_MIN;
      print(`${prefix}ended with ${signal ?? code}; starts again in ${waitMs} ms`);
      timer = setTimeout(start, waitMs);
      timer.unref();
      waitMs = Math.min(2 * waitMs, RESTART_MS_MAX);
    });
  };
  // A process that just ends must not leave this one behind.
  const orphan = () => void child?.kill("SIGTERM");
  process.once("exit", orphan);
  start();

  return {
    async stop() {
      stopping = true;
      if (timer !== null) clearTimeout(timer);
      process.removeListener("exit", orphan);
      const running = child;
      if (running === null) return;
      const ended = new Promise((/** @type {(value: void) => void} */ resolve) => {
        gone = resolve;
      });
      running.kill("SIGTERM");
      const kill = setTimeout(() => running.kill("SIGKILL"), killMs);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** Cuts output into lines. @param {(line: string) => void} take */
function lines(take) {
  let rest = "";
  return {
    /** @param {string} text */
    write(text) {
      const whole = (rest + text).split("\n");
      rest = whole.pop() ?? "";
      for (const line of whole) take(line);
    },
    end() {
      if (rest !== "") take(rest);
      rest = "";
    },
  };
}
