import { readFileSync } from "node:fs";
import { join } from "node:path";
import { QUEUE_FILE, WORKER_SECRET_FILE } from "../../functions/entry/home.ts";
import type { JobQueue, ReceivedJob } from "../../shared/contracts/ports/job-queue.ts";
import {
  type FromWorker,
  ToWorker,
  WORKER_PROTOCOL,
  WORKER_TOKEN_PROTOCOL,
  type WorkerLoad,
  WorkerToken,
} from "../../shared/contracts/worker-protocol.ts";
import { sqliteJobQueue } from "../../shared/job-queue/sqlite.ts";
import { sqsJobQueue } from "../../shared/job-queue/sqs.ts";
import type { Cell } from "./cell.ts";
import { sqsOptions } from "./sqs-options.ts";

const POOL = "local";
const HIDDEN_MS = 60_000;
const WAIT_MS = 15_000;

const IDLE: WorkerLoad = { ready: true, running: 0, waiting: 0, concurrency: 8 };

type Frame<T extends ToWorker["t"]> = Extract<ToWorker, { t: T }>;
export type Leased = Frame<"leased">;

/** The queue of a cell as its workers open it: the file of an embedded cell, SQS elsewhere. */
export const queueOf = async (cell: Cell): Promise<JobQueue> => {
  const { BAILIWICK_SQS_ENDPOINT: endpoint, BAILIWICK_SQS_PREFIX: prefix = "" } = cell.env;
  if (endpoint !== undefined) return sqsJobQueue({ ...sqsOptions(endpoint), prefix, cell: "local" });
  const { clock } = sqsOptions("");
  return sqliteJobQueue({ path: join(cell.home, QUEUE_FILE), clock, jurisdiction: "local" });
};

export async function workerToken(cell: Cell, worker = "scripted", pool = POOL): Promise<string> {
  const secret = cell.env.BAILIWICK_WORKER_SECRET ?? readFileSync(join(cell.home, WORKER_SECRET_FILE), "utf8").trim();
  const response = await fetch(`${cell.url}/v1/workers/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ pool, worker, proof: { kind: "enrolment", secret } }),
  });
  if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`);
  return WorkerToken.parse(await response.json()).token;
}

/** The next message of the pool, hidden from everybody else. */
export async function nextJob(queue: JobQueue): Promise<ReceivedJob> {
  const until = Date.now() + WAIT_MS;
  while (Date.now() < until) {
    const [job] = await queue.receive(
      { pool: POOL, class: "interactive" },
      { max: 1, wait_ms: 1_000, visibility_ms: HIDDEN_MS },
    );
    if (job) return job;
  }
  throw new Error("no job came");
}

/** A worker that says what a test tells it to, over a real connection. */
export class ScriptedWorker {
  readonly #socket: WebSocket;
  readonly #frames: ToWorker[] = [];
  #wake: (() => void) | null = null;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
    socket.addEventListener("message", ({ data }) => {
      this.#frames.push(ToWorker.parse(JSON.parse(String(data))));
      this.#wake?.();
    });
  }

  /** Connected and welcomed. */
  static async connect(
    cell: Cell,
    { kind = "openai" as "openai" | "synthetic", token = "", serves = "echo", load = {} as Partial<WorkerLoad> } = {},
  ): Promise<ScriptedWorker> {
    const address = `${cell.url.replace("http", "ws")}/v1/workers/connect`;
    const socket = new WebSocket(address, [
      WORKER_PROTOCOL,
      `${WORKER_TOKEN_PROTOCOL}${token || (await workerToken(cell))}`,
    ]);
    const worker = new ScriptedWorker(socket);
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener("open", () => resolve());
      socket.addEventListener("error", () => reject(new Error("no connection")));
    });
    const models = [{ id: serves, digest: null }];
    worker.send({
      ...{ t: "hello", schema_version: 1, worker: "scripted", held: [] },
      engine: { kind, version: null, models, dialects: ["openai.chat", "openai.completions"], continuation: false },
      load: { ...IDLE, ...load },
    });
    await worker.frame("welcome");
    return worker;
  }

  send(frame: FromWorker): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** The next frame of a kind; earlier ones of others stay for whoever waits for them. */
  async frame<T extends ToWorker["t"]>(...kinds: T[]): Promise<Frame<T>> {
    const until = Date.now() + WAIT_MS;
    for (;;) {
      const at = this.#frames.findIndex(({ t }) => kinds.some((kind) => kind === t));
      const [found] = at < 0 ? [] : this.#frames.splice(at, 1);
      if (found) return found as Frame<T>; // safe because: its kind was just compared
      if (Date.now() > until) throw new Error(`no ${kinds.join(" or ")} came, but ${JSON.stringify(this.#frames)}`);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#wake = resolve;
        }),
        new Promise((resolve) => setTimeout(resolve, 200)),
      ]);
    }
  }

  load(load: Partial<WorkerLoad>): void {
    this.send({ t: "load", load: { ...IDLE, ...load } });
  }

  ask(message: string, held = false): string {
    const ref = `r${++this.#asked}`;
    this.send({ t: "lease", ref, message, held });
    return ref;
  }

  async lease(message: string, held = false): Promise<Leased> {
    this.ask(message, held);
    const answer = await this.frame("leased", "refused");
    if (answer.t === "refused") throw new Error(`refused: ${answer.reason}`);
    return answer;
  }

  head({ task, fence, request: { dialect } }: Leased): void {
    this.send({ t: "head", task, fence, dialect });
  }
  /** Chunks `from` …, from 1. */
  chunks({ task, fence }: Leased, chunks: readonly string[], from = 1): void {
    chunks.forEach((chunk, at) => {
      this.send({ t: "chunk", task, fence, seq: from + at, data: Buffer.from(chunk).toString("base64") });
    });
  }
  end({ task, fence }: Leased, seq: number): void {
    this.send({ t: "end", task, fence, seq });
  }

  /** Breaks the connection as a dead process would, without a word to the cell. */
  close(): void {
    this.#socket.close();
  }
}
