import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { QUEUE_FILE, WORKER_SECRET_FILE } from "../../functions/entry/home.ts";
import { nodeBinary, ROOT } from "../../infra/local/command.mjs";
import type { Cell } from "./cell.ts";
import { freePort } from "./free-port.ts";

const READY_MS_MAX = 60_000;
const ENDED_MS_MAX = 30_000;
const POLL_MS = 20;
const LOG_CHARS_MAX = 256 * 1024;

export interface PoolWorkerOptions {
  name: string;
  cell: Pick<Cell, "home" | "url"> & Partial<Pick<Cell, "env">>;
  /** Where it reaches the cell, if not directly. */
  url?: string;
  queueFile?: string;
  pool?: string;
  models?: string;
  concurrency?: number;
  /** 0: as fast as it is read. */
  tokensPerS?: number;
  /** An OpenAI server in place of the synthetic engine. */
  engineUrl?: string;
}

/** A cell that keeps no secret in its home was told it. */
function secretFile({ home, env }: PoolWorkerOptions["cell"]): string {
  const file = join(home, WORKER_SECRET_FILE);
  const told = env?.BAILIWICK_WORKER_SECRET;
  if (told !== undefined && !existsSync(file)) writeFileSync(file, `${told}\n`, { mode: 0o600 });
  return file;
}

/** The queue that its cell sends to. */
function queueEnv({ cell, queueFile }: PoolWorkerOptions): Record<string, string> {
  const { BAILIWICK_SQS_PREFIX: prefix = "", BAILIWICK_SQS_ENDPOINT: endpoint = "", ...env } = cell.env ?? {};
  if (prefix === "")
    return { BAILIWICK_QUEUE: "sqlite", BAILIWICK_QUEUE_FILE: queueFile ?? join(cell.home, QUEUE_FILE) };
  return {
    BAILIWICK_QUEUE: "sqs",
    BAILIWICK_SQS_PREFIX: prefix,
    BAILIWICK_SQS_ENDPOINT: endpoint,
    AWS_REGION: env.BAILIWICK_SQS_REGION ?? "",
    AWS_ACCESS_KEY_ID: env.BAILIWICK_SQS_ACCESS_KEY_ID ?? "",
    AWS_SECRET_ACCESS_KEY: env.BAILIWICK_SQS_SECRET_ACCESS_KEY ?? "",
  };
}

/** One real worker process with the synthetic engine, beside a cell of its machine. */
export class PoolWorker {
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #ended: Promise<string>;
  #over = false;
  #log = "";

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.#port = port;
    const keep = (text: string) => {
      this.#log = (this.#log + text).slice(-LOG_CHARS_MAX);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    this.#ended = new Promise((resolve) =>
      child.once("close", (code, signal) => {
        this.#over = true;
        resolve(String(signal ?? code));
      }),
    );
  }

  /** Resolves when it takes jobs: its engine is ready and its cell connected. */
  static async start(options: PoolWorkerOptions): Promise<PoolWorker> {
    const { name, cell, pool = "local", models = "words", concurrency = 64, tokensPerS = 0, engineUrl } = options;
    const node = nodeBinary();
    if (node === null) throw new Error("the pinned Node is not installed");
    const port = await freePort();
    const child = spawn(node, ["--disable-warning=ExperimentalWarning", join(ROOT, "gpu-workers/main.ts")], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        BAILIWICK_ENGINE: engineUrl === undefined ? "synthetic" : "openai",
        ...(engineUrl === undefined ? {} : { BAILIWICK_ENGINE_URL: engineUrl }),
        BAILIWICK_ENGINE_MODELS: models,
        BAILIWICK_SYNTHETIC_TOKENS_PER_S: String(tokensPerS),
        BAILIWICK_WORKER_CONCURRENCY: String(concurrency),
        BAILIWICK_WORKER_DRAIN_MS: "2000",
        BAILIWICK_WORKER_PORT: String(port),
        BAILIWICK_CELL_URL: options.url ?? cell.url,
        BAILIWICK_CELL: "local",
        BAILIWICK_JURISDICTION: "local",
        BAILIWICK_POOL: pool,
        BAILIWICK_WORKER: name,
        BAILIWICK_WORKER_SECRET_FILE: secretFile(cell),
        ...queueEnv(options),
      },
    });
    const worker = new PoolWorker(child, port);
    await worker.ready();
    return worker;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the worker never ran");
    return this.#child.pid;
  }
  get logs(): string {
    return this.#log;
  }

  async ready(): Promise<void> {
    const until = Date.now() + READY_MS_MAX;
    while (Date.now() < until) {
      if (this.#over) throw new Error(`the worker ended: ${this.#log.slice(-2_000)}`);
      const answer = await fetch(`http://127.0.0.1:${this.#port}/readyz`).catch(() => null);
      await answer?.arrayBuffer();
      if (answer?.status === 200) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`the worker was never ready: ${this.#log.slice(-2_000)}`);
  }

  /** The value of one of its metrics, without labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`${name} `) || each.startsWith(`${name}{`));
    return Number(line?.split(" ").at(-1) ?? Number.NaN);
  }

  /** Stands still, as a process whose machine swaps or is frozen. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }
  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** Gone at once. */
  async kill9(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Drains and ends; killed where that takes too long. Answers how it ended. */
  async stop(): Promise<string> {
    if (this.#over) return this.#ended;
    this.#child.kill("SIGCONT");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), ENDED_MS_MAX);
    const how = await this.#ended;
    clearTimeout(timer);
    return how;
  }
}
