import { spawn } from "node:child_process";
import { processTree } from "./process-tree.mjs";

/** @param {import("./run-tests.d.mts").TestRun} run @returns {Promise<number>} */
export function runTests({ file, args, cwd, env, silenceMsMax, exitMsMax, print }) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd, env, stdio: ["inherit", "inherit", "inherit", "ipc"] });
    /** @type {string[]} */
    let running = [];
    /** @type {string | null} */
    let ended = null;
    /** @param {number} status */
    const settle = (status) => {
      clearTimeout(timer);
      resolve(status);
    };
    const giveUp = () => {
      print(
        ended === null
          ? `No test ended for ${silenceMsMax / 60_000} minutes, so the run is ended. Running: ${running.join(", ") || "no file"}`
          : `The tests ended (${ended}), and their process did not within ${exitMsMax / 1000} s, so it is ended.`,
      );
      if (child.pid !== undefined) for (const pid of processTree(child.pid).reverse()) kill(pid);
      settle(ended === "passed" ? 0 : 1);
    };
    let timer = setTimeout(giveUp, silenceMsMax);
    child.on("message", (message) => {
      const news = /** @type {import("./run-tests.d.mts").RunNews} */ (message);
      if ("ended" in news) ended = news.ended;
      else running = news.running;
      clearTimeout(timer);
      timer = setTimeout(giveUp, ended === null ? silenceMsMax : exitMsMax);
    });
    child.on("error", () => settle(1));
    child.on("close", (status) => settle(status ?? 1));
  });
}

/** @param {number} pid */
function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // It ended by itself meanwhile.
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error;
  }
}
