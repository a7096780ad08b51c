import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { UnixMs } from "../shared/contracts/ids.ts";
import { sqliteJobQueue } from "../shared/job-queue/sqlite.ts";
import { jobMessage, numberedTask } from "../test/support/job-message.ts";
import { scriptedCell } from "../test/support/scripted-cell.ts";

const MAIN = resolve(import.meta.dirname, "main.ts");
const clock = { now: () => Date.now() as UnixMs }; // safe because: it is what the clock says
const TIMEOUT_MS = 60_000;

/** A real worker process beside a scripted cell and a real queue. */
async function world() {
  const home = mkdtempSync(join(tmpdir(), "worker-main-"));
  const file = join(home, "queue.sqlite");
  writeFileSync(join(home, "secret"), "enrolment");
  const cell = await scriptedCell();
  const queue = await sqliteJobQueue({ path: file, clock, jurisdiction: "local" });
  const children: ChildProcess[] = [];
  const env = {
    BAILIWICK_CELL_URL: cell.url.href,
    ...{ BAILIWICK_CELL: "local", BAILIWICK_JURISDICTION: "local", BAILIWICK_POOL: "p", BAILIWICK_WORKER: "w-1" },
    ...{ BAILIWICK_WORKER_CONCURRENCY: "2", BAILIWICK_WORKER_SECRET_FILE: join(home, "secret") },
    ...{ BAILIWICK_QUEUE: "sqlite", BAILIWICK_QUEUE_FILE: file },
    ...{ BAILIWICK_ENGINE: "synthetic", BAILIWICK_ENGINE_MODELS: "m", BAILIWICK_SYNTHETIC_TOKENS_PER_S: "50" },
  };
  const start = () => {
    const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    return child;
  };
  onTestFinished(async () => {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all([queue.close(), cell.stop()]);
    rmSync(home, { recursive: true });
  });
  return { cell, queue, start, depth: () => queue.depth({ pool: "p", class: "interactive" }) };
}

describe("a worker process", () => {
  it(
    "signs in with its enrolment, drains at SIGTERM and ends by itself",
    async () => {
      const { cell, queue, start, depth } = await world();
      const child = start();
      const at = await cell.connection();
      expect(cell.tokens).toEqual([{ pool: "p", worker: "w-1", proof: { kind: "enrolment", secret: "enrolment" } }]);
      expect([at.token, (await at.next("hello")).engine.kind]).toEqual(["token.1", "synthetic"]);
      const task = numberedTask(1);
      await queue.send({
        queue: { pool: "p", class: "interactive" },
        body: jobMessage(task),
        tenant: "t",
        traceparent: "",
      });
      const { ref } = await at.next("lease");
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      at.send({
        ...{ t: "leased", ref, task, fence: 1, deadline_ms: Date.now() + 60_000, credit: 1_000 },
        request: { dialect: "openai.chat", model: "m", stream: true, body: { messages: [] }, traceparent },
      });
      await at.next("chunk");
      child.kill("SIGTERM");
      await at.next("leaving");
      // What runs goes on to its end.
      await at.next("end");
      at.send({ t: "settled", task, fence: 1 });
      expect(await once(child, "exit")).toEqual([0, null]);
      expect(await depth()).toMatchObject({ ready: 0, in_flight: 0, dead: 0 });
    },
    TIMEOUT_MS,
  );

  it(
    "that is killed with a job in hand loses no message: another has it when its visibility is over",
    async () => {
      const { cell, queue, start, depth } = await world();
      const child = start();
      const at = await cell.connection();
      const task = numberedTask(2);
      await queue.send({
        queue: { pool: "p", class: "interactive" },
        body: jobMessage(task),
        tenant: "t",
        traceparent: "",
      });
      await at.next("lease");
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(await depth()).toMatchObject({ ready: 0, in_flight: 1, dead: 0 });
    },
    TIMEOUT_MS,
  );

  it(
    "refuses an environment that is wrong in one line, and with a status of its own",
    async () => {
      const env = { BAILIWICK_CELL_URL: "http://127.0.0.1:1", AWS_SECRET_ACCESS_KEY: "canary" };
      const child = spawn(process.execPath, [MAIN], { env, stdio: ["ignore", "ignore", "pipe"] });
      let told = "";
      child.stderr.on("data", (part) => {
        told += part;
      });
      expect(await once(child, "exit")).toEqual([64, null]);
      expect(told).toMatch(/^bailiwick worker: .*BAILIWICK_POOL.*\n$/);
      expect(told).not.toContain("canary");
    },
    TIMEOUT_MS,
  );
});
