import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

const PROC = "/proc";

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
      for (const pid of [...descendants(child.pid), child.pid]) if (pid !== undefined) kill(pid);
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

/** What a process started, and they in turn; on Linux only, nobody elsewhere. @param {number | undefined} ancestor */
function descendants(ancestor) {
  if (!existsSync(PROC)) return [];
  const processes = readdirSync(PROC)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parentOf(name) }));
  /** @type {number[]} */
  const found = [];
  for (const family = [ancestor]; family.length > 0; ) {
    const parent = family.pop();
    for (const { pid } of processes.filter((one) => one.parent === parent)) {
      found.push(pid);
      family.push(pid);
    }
  }
  return found;
}

/** @param {string} pid */
function parentOf(pid) {
  try {
    // The name in brackets may hold anything; behind it come state and parent (proc_pid_stat(5)).
    return Number(readFileSync(`${PROC}/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]);
  } catch {
    // Processes end while they are listed.
    return null;
  }
}
