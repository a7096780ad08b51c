import { type ChildProcess, spawn } from "node:child_process";

/** Log text kept of one process, from its end. */
const LOG_CHARS_MAX = 1024 * 1024;
const READY_MS_MAX = 240_000;
const STOP_MS_MAX = 30_000;
const POLL_MS = 50;

export interface Launch {
  file: string;
  args: string[];
  env: Record<string, string | undefined>;
  cwd: string;
}

/** One real process that serves a cell; it can be started again with the same state. */
export class CellProcess {
  readonly #launch: Launch;
  readonly #ready: () => Promise<boolean>;
  #child: ChildProcess | null = null;
  #exited: Promise<number | null> = Promise.resolve(null);
  #log = "";

  /** `ready`: what answers 200 once it serves, or a question of the test's own. */
  constructor(launch: Launch, ready: string | (() => Promise<boolean>)) {
    this.#launch = launch;
    this.#ready = typeof ready === "string" ? () => answers(ready) : ready;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error("the cell is not running");
    return this.#child.pid;
  }

  get logs(): string {
    return this.#log;
  }

  /** Resolves when the cell answers its health question; rejects with its output when it ends or takes too long. */
  async start(): Promise<void> {
    const { file, args, env, cwd } = this.#launch;
    const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const keep = (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARS_MAX);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    let ended = false;
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => {
        keep(String(error));
        ended = true;
        resolve(null);
      });
      child.once("close", (code) => {
        ended = true;
        resolve(code);
      });
    });
    const deadline = Date.now() + READY_MS_MAX;
    while (!(await this.#ready())) {
      if (ended) throw new Error(`the cell ended while starting:\n${this.#log.slice(-4000)}`);
      if (Date.now() > deadline) {
        child.kill("SIGKILL");
        throw new Error(`the cell was not ready in ${READY_MS_MAX} ms:\n${this.#log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Asks it to drain and answers its exit code; null when it had to be killed. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (!child) return 0;
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    const code = await this.#exited;
    clearTimeout(timer);
    this.#child = null;
    return code;
  }

  /** Ends it at once, as a power cut would for the process; resolves when it is gone. */
  async kill9(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#exited;
    this.#child = null;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
