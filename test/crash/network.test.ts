import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toFile } from "openai";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually, marker, type Tenant, user } from "../support/lab.ts";
import type { PoolWorker } from "../support/pool-worker.ts";
import { CHAT, queueTests, SLOW, TEST_MS } from "../support/queue-test.ts";
import {
  expectQuiet,
  QUEUE_CELLS,
  type QueueWorld,
  queued,
  queueWorldBinaries,
  startQueueWorld,
} from "../support/queue-world.ts";
import { expectReadModelsWhole } from "../support/sums.ts";
import { type GateMode, TcpGate } from "../support/tcp-gate.ts";
import { observed } from "./faults/observed.ts";

const bin = queueWorldBinaries();
/** Longer than a lease, and than the silence after which a worker is given up. */
const FROZEN_MS = 40_000;
const BAD_MS = 8_000;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const chat = (world: QueueWorld, tenant: Tenant, model: string, prompt = marker()) =>
  world.lab.ask(CHAT, { key: tenant.apiKey, body: { model, messages: [user(prompt)] } });

describe.skipIf(bin === null).each(QUEUE_CELLS)(
  "connections of the queue lane ($runtime, queue: $queue; skipped: no PostgreSQL on this machine)",
  ({ runtime }) => {
    const at = queueTests(bin, { runtime });

    it(
      "that pass nothing and stay open are given up, and the task ends once",
      async () => {
        const { gate } = await at.gated(SLOW);
        const prompt = marker();
        const asked = await (await at.stream(prompt)).read(4);
        gate.silence(true);
        await asked.read();
        // The worker comes back behind the silence; what it still has belongs to a task that has ended.
        gate.silence(false);
        gate.cut();
        const once = { model: "words", messages: [user("?")], max_completion_tokens: 1 };
        const back = async () => (await at.lab.ask(CHAT, { key: at.world.cell.apiKey, body: once })).status === 200;
        expect(await eventually(back, Boolean, 90_000)).toBe(true);
        const whole = await at.inPeace(marker());
        expect(whole.length).toBeGreaterThan(0);
        const [first, ...others] = await expectQuiet(at.world, at.tenant);
        expect(others.map(({ status }) => status)).toEqual(["OK"]);
        if (asked.complete) expect([asked.end, first?.status]).toEqual(["clean", "OK"]);
        else {
          expect([asked.end, first?.status]).toEqual(["cut", "ERROR"]);
          expect(first?.cost_nusd).toBeGreaterThan(0);
        }
        observed(
          "worker-silent",
          runtime,
          `${asked.data.length} events seen, then ${asked.complete ? "the rest behind the silence" : `an error (${asked.error})`}; the task is ${first?.status}, ${first?.cost_nusd} nusd, once`,
        );
      },
      TEST_MS,
    );

    // One embedded runtime is enough: the process stands still, whatever runs in it.
    it.skipIf(runtime === "node")(
      "of a cell that stands still past every lease go on or end in an error, and nothing runs twice",
      async () => {
        await at.start({ tokensPerS: SLOW });
        const prompts = Array.from({ length: 3 }, marker);
        const streams = await Promise.all(prompts.map(async (prompt) => (await at.stream(prompt)).read(3)));
        const task = await at.task(marker());
        const direct = chat(at.world, at.tenant, "paced");
        process.kill(at.world.cell.pid, "SIGSTOP");
        try {
          await pause(FROZEN_MS);
        } finally {
          process.kill(at.world.cell.pid, "SIGCONT");
        }
        for (const stream of streams) await stream.read();
        const response = await direct.catch(() => null);
        await response?.arrayBuffer().catch(() => "cut");
        const ended = await eventually(
          () => at.lab.task(at.tenant, task),
          ({ status }) => status !== null,
          90_000,
        );
        expect(ended.status).toBe("OK");
        for (const stream of streams) expect(stream.complete || stream.end === "cut").toBe(true);
        const all = await expectQuiet(at.world, at.tenant);
        expect(all).toHaveLength(5);
        observed(
          "cell-frozen",
          runtime,
          `frozen ${FROZEN_MS / 1_000} s: ${streams.filter(({ complete }) => complete).length} of 3 streams whole, the task that waited ${ended.status}; statuses ${all.map(({ status }) => status).join(", ")}, one sum in Postgres`,
        );
      },
      TEST_MS,
    );
  },
);

describe.skipIf(bin === null)("stores behind a bad network (skipped: no PostgreSQL on this machine)", () => {
  let world: QueueWorld;
  let gate: TcpGate;
  let tenant: Tenant;
  beforeAll(async () => {
    world = await startQueueWorld(bin ?? "", {
      async through(what, port) {
        if (what !== "postgres") return port;
        gate = await TcpGate.start(port);
        return gate.port;
      },
    });
    tenant = await world.tenant();
    const ready = async () => (await world.lab.json("/readyz")).status;
    expect(await eventually(ready, (status) => status === "ready", 30_000)).toBe("ready");
  });
  afterEach(() => gate.set("open"));
  afterAll(async () => {
    await world?.stop();
    await gate?.stop();
  });

  it.each(["slow", "deaf", "silent", "refused"] as const)(
    "hold up no call while Postgres is %s, and every event is there once afterwards",
    async (mode: GateMode) => {
      await gate.set(mode);
      const statuses: number[] = [];
      for (const until = Date.now() + BAD_MS; Date.now() < until; ) {
        const response = await chat(world, tenant, "echo");
        await response.arrayBuffer();
        statuses.push(response.status);
      }
      const key = await world.lab.newKey(tenant);
      const made = await world.lab.newTenant();
      const used = await chat(world, made, "echo");
      await used.arrayBuffer();
      const gone = await world.lab.ask(`/v1/keys/${key.id}`, { key: tenant.adminKey, method: "DELETE" });
      await gone.arrayBuffer();
      expect([new Set(statuses), used.status, gone.ok]).toEqual([new Set([200]), 200, true]);
      const during = world.lab.ask("/v1/workspaces", { key: tenant.adminKey, signal: AbortSignal.timeout(60_000) });
      const list = (await during).status;
      expect([200, 503]).toContain(list);
      await gate.set("open");
      const tasks = await expectQuiet(world, tenant);
      await expectReadModelsWhole(world.lab, tenant, world.postgres);
      const mirrored = () =>
        world.postgres.sql(`select tenant_id from bailiwick.tenants where tenant_id = '${made.id}'`, "control");
      expect(await eventually(mirrored, (rows) => rows.length === 1, 60_000)).toHaveLength(1);
      observed(
        "postgres-bad-network",
        `deno, ${mode}`,
        `${statuses.length} calls in ${BAD_MS / 1_000} s, all 200; a list of workspaces ${list}; afterwards ${tasks.length} tasks and a tenant made meanwhile are in the read models once`,
      );
    },
    TEST_MS,
  );

  it(
    "lose no upload and no evidence while the object store is away, and keep no half of one",
    async () => {
      const client = world.lab.openai(tenant.apiKey);
      const file = async (fill: number) => toFile(Buffer.alloc(200_000, fill), "in");
      const kept = await client.files.create({ file: await file(1), purpose: "user_data" });
      const before = (await client.files.list()).data.length;
      const folder = join(world.cell.home, "object-store");
      renameSync(folder, `${folder}-away`);
      writeFileSync(folder, "not a folder");
      let refusal = 0;
      let reading = 0;
      try {
        refusal = await client.files.create({ file: await file(2), purpose: "user_data" }).then(
          () => 200,
          (cause: { status?: number }) => cause.status ?? 0,
        );
        reading = (await world.lab.ask(`/v1/files/${kept.id}/content`, { key: tenant.apiKey })).status;
        const call = await chat(world, tenant, "echo");
        await call.arrayBuffer();
        expect([refusal, reading, call.status]).toEqual([503, 503, 200]);
      } finally {
        rmSync(folder);
        renameSync(`${folder}-away`, folder);
      }
      expect((await client.files.list()).data).toHaveLength(before);
      const again = await client.files.create({ file: await file(3), purpose: "user_data" });
      const bytes = Buffer.from(await (await client.files.content(again.id)).arrayBuffer());
      expect(bytes.every((byte) => byte === 3)).toBe(true);
      const checkpoint = await eventually(
        () => world.lab.ask("/v1/ledger/export", { key: tenant.adminKey }),
        ({ status }) => status === 200,
        60_000,
      );
      expect(checkpoint.status).toBe(200);
      await checkpoint.arrayBuffer();
      observed(
        "store-away-files",
        "deno",
        `while it is away an upload is ${refusal}, a download ${reading}, a call 200; afterwards ${before} files are listed as before, the next upload is whole, the ledger is exported`,
      );
    },
    TEST_MS,
  );
});

describe.skipIf(bin === null)("SQS behind a bad network (skipped: no PostgreSQL on this machine)", () => {
  let world: QueueWorld;
  let gate: TcpGate;
  let tenant: Tenant;
  let workers: PoolWorker[] = [];
  beforeAll(async () => {
    world = await startQueueWorld(bin ?? "", {
      runtime: "workerd",
      async through(what, port) {
        if (what !== "queue") return port;
        gate = await TcpGate.start(port);
        return gate.port;
      },
    });
    tenant = await world.tenant();
    workers = [await world.worker(), await world.worker()];
    const there = async () => (await chat(world, tenant, "words")).status;
    expect(await eventually(there, (status) => status === 200, 30_000)).toBe(200);
  });
  afterAll(async () => {
    await gate?.set("open");
    await Promise.all(workers.map((worker) => worker.stop()));
    await world?.stop();
    await gate?.stop();
  });

  it.each(["slow", "deaf", "silent", "refused"] as const)(
    "runs every task once that was admitted while it is %s, and keeps no message",
    async (mode: GateMode) => {
      await gate.set(mode);
      const asked = Array.from({ length: 6 }, async () => {
        const body = { intent: "chat", model: "words", input: marker() };
        const response = await world.lab.ask("/v1/tasks", { key: tenant.apiKey, body });
        const told = await response.json();
        return { status: response.status, task: told.task_id };
      });
      // The direct lane does not stand on a queue.
      const direct = await chat(world, tenant, "echo");
      await direct.arrayBuffer();
      expect(direct.status).toBe(200);
      await pause(BAD_MS);
      await gate.set("open");
      const answers = await Promise.all(asked);
      for (const { status } of answers) expect([200, 202, 503]).toContain(status);
      const tasks = answers.flatMap(({ task }) => (task === undefined ? [] : [task]));
      expect(tasks.length).toBeGreaterThan(0);
      for (const task of tasks) {
        const ended = await eventually(
          () => world.lab.task(tenant, task),
          ({ status }) => status !== null,
          120_000,
        );
        expect([task, ended.status]).toEqual([task, "OK"]);
      }
      const all = await expectQuiet(world, tenant);
      expect(await queued(world)).toEqual({ jobs: 0, dead: 0 });
      observed(
        "queue-bad-network",
        `workerd over SQS, ${mode}`,
        `${tasks.length} tasks admitted meanwhile, each OK once; ${all.length} tasks in all, no message and no dead letter left`,
      );
    },
    TEST_MS,
  );
});
