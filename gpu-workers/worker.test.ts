import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { TaskId, UnixMs } from "../shared/contracts/ids.ts";
import type { JsonObject } from "../shared/contracts/json.ts";
import type { QueueClass } from "../shared/contracts/ports/job-queue.ts";
import type { ToWorker } from "../shared/contracts/worker-protocol.ts";
import { sqliteJobQueue } from "../shared/job-queue/sqlite.ts";
import { createTelemetry } from "../shared/telemetry/create-telemetry.ts";
import { jobMessage, numberedTask } from "../test/support/job-message.ts";
import { scriptedCell, type WorkerAtCell } from "../test/support/scripted-cell.ts";
import type { LocalEngine, LocalEvent } from "./engines/engine.ts";
import { syntheticEngine } from "./engines/synthetic.ts";
import { Worker } from "./worker.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const clock = { now: () => Date.now() as UnixMs }; // safe because: it is what the clock says
const BODY: JsonObject = { messages: [{ role: "user", content: "Hello" }], min_tokens: 40 };
const NEVER = new AbortController().signal;

/** A worker over a real queue, connected to a scripted cell. */
async function world({ engine, concurrency = 2 }: { engine?: LocalEngine; concurrency?: number } = {}) {
  const home = mkdtempSync(join(tmpdir(), "worker-"));
  const queue = await sqliteJobQueue({ path: join(home, "queue.sqlite"), clock, jurisdiction: "local" });
  const cell = await scriptedCell();
  const spans: string[] = [];
  const telemetry = createTelemetry({
    ...{ service: "worker", cell: "local", clock, sink: () => undefined, metricExporter: null },
    ids: { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)) },
    exporter: () => ({
      export: ({ name, trace_id, parent_span_id }) => void spans.push(`${name} ${trace_id} ${parent_span_id}`),
      flush: async () => undefined,
    }),
    sample: { ratio: 1, followParent: true },
  });
  const worker = new Worker({
    ...{ cell: cell.url, pool: "p", worker: "w-1", concurrency, queue, telemetry, clock, random: () => 0 },
    engine: engine ?? syntheticEngine({ models: [{ id: "m", digest: null }], tokensPerS: 0 }),
    token: async () => ({ token: "t.t.t", expires_ms: Date.now() + 600_000 }),
  });
  const running = worker.run();
  onTestFinished(async () => {
    await worker.drain(0, NEVER);
    await running;
    await Promise.all([queue.close(), cell.stop()]);
    rmSync(home, { recursive: true });
  });
  return {
    ...{ queue, cell, worker, telemetry, spans, running },
    connection: await cell.connection(),
    send: (task: TaskId, of: QueueClass = "interactive") =>
      queue.send({ queue: { pool: "p", class: of }, body: jobMessage(task), tenant: "t1", traceparent: TRACEPARENT }),
    depth: () => queue.depth({ pool: "p", class: "interactive" }),
  };
}

const grant = (ref: string, task: TaskId, fence: number, credit = 1_000, body = BODY): ToWorker => ({
  ...{ t: "leased", ref, task, fence, deadline_ms: Date.now() + 60_000, credit },
  request: { dialect: "openai.chat", model: "m", stream: true, body, traceparent: TRACEPARENT },
});

/** Text of the chunks under a fence. */
const textOf = ({ frames }: WorkerAtCell, fence: number): string =>
  frames
    .flatMap((frame) => (frame.t === "chunk" && frame.fence === fence ? [Buffer.from(frame.data, "base64")] : []))
    .map(String)
    .join("");

describe("a worker's life with one task", () => {
  it("leases, answers in numbered chunks, and removes the message once it is settled", async () => {
    const { connection, send, depth, spans } = await world();
    const task = numberedTask(1);
    await send(task);
    const { ref, message, held } = await connection.next("lease");
    expect([message, held]).toEqual([jobMessage(task), false]);
    connection.send(grant(ref, task, 3));
    const end = await connection.next("end");
    const chunks = connection.frames.filter((frame) => frame.t === "chunk");
    expect(chunks.map(({ seq }) => seq)).toEqual(Array.from({ length: end.seq }, (_, i) => i + 1));
    expect(textOf(connection, 3)).toMatch(/^data: .*"synthetic":true.*\n\ndata: \[DONE\]\n\n$/s);
    expect(await depth()).toMatchObject({ ready: 0, in_flight: 1 });
    connection.send({ t: "settled", task, fence: 3 });
    await expect.poll(depth).toMatchObject({ ready: 0, in_flight: 0, dead: 0 });
    await expect.poll(() => spans.length).toBe(2);
    // Both belong to the trace of the edge: the queue's and the run's.
    for (const span of spans) expect(span).toContain("0af7651916cd43dd8448eb211c80319c b7ad6b7169203331");
  });

  it("holds to its credit, so that a slow caller is not flooded", async () => {
    const { connection, send } = await world();
    const task = numberedTask(2);
    await send(task);
    const { ref } = await connection.next("lease");
    connection.send(grant(ref, task, 1, 3));
    for (let seq = 1; seq <= 3; seq++) expect((await connection.next("chunk")).seq).toBe(seq);
    connection.send({ t: "credit", task, fence: 1, seq: 3, credit: 2 });
    for (let seq = 4; seq <= 5; seq++) expect((await connection.next("chunk")).seq).toBe(seq);
    expect(connection.frames.filter(({ t }) => t === "chunk")).toHaveLength(5);
  });

  it("offers a generation again after its connection broke, with the same bytes, so that a stream goes on", async () => {
    const { connection, cell, send } = await world();
    const task = numberedTask(3);
    await send(task);
    const { ref } = await connection.next("lease");
    connection.send(grant(ref, task, 1, 5));
    for (let seq = 1; seq <= 5; seq++) await connection.next("chunk");
    const before = textOf(connection, 1);
    connection.cut();
    const second = await cell.connection();
    const hello = await second.next("hello");
    expect(hello.held).toEqual([{ task, message: jobMessage(task), chunks: expect.any(Number), ended: true }]);
    const again = await second.next("lease");
    expect([again.held, again.ref === ref]).toEqual([true, false]);
    second.send(grant(again.ref, task, 2));
    await second.next("end");
    expect(textOf(second, 2).startsWith(before)).toBe(true);
    expect(textOf(second, 2)).toMatch(/\[DONE\]\n\n$/);
  });

  it("gives the message of a lost run back without removing it, and sends nothing about it any more", async () => {
    const { connection, send } = await world();
    const task = numberedTask(4);
    await send(task);
    const first = await connection.next("lease");
    connection.send(grant(first.ref, task, 1, 1));
    await connection.next("chunk");
    connection.send({ t: "lost", task, fence: 1 });
    connection.send({ t: "credit", task, fence: 1, seq: 1, credit: 100 });
    const second = await connection.next("lease");
    expect(second.message).toBe(jobMessage(task));
    expect(connection.frames.filter(({ t }) => t === "chunk")).toHaveLength(1);
  });

  it("cancels within moments, tells so, and waits for the settlement", async () => {
    const stopped = Promise.withResolvers<void>();
    const engine: LocalEngine = {
      ...syntheticEngine({ models: [{ id: "m", digest: null }], tokensPerS: 0 }),
      async *execute(_, signal): AsyncGenerator<LocalEvent> {
        yield { kind: "head" };
        yield { kind: "chunk", raw: Buffer.from("data: {}\n\n") };
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        stopped.resolve();
      },
    };
    const { connection, send, depth } = await world({ engine });
    const task = numberedTask(5);
    await send(task);
    connection.send(grant((await connection.next("lease")).ref, task, 1));
    await connection.next("chunk");
    connection.send({ t: "cancel", task, fence: 1 });
    expect((await connection.next("fail")).failure.reason).toBe("canceled");
    await stopped.promise;
    expect(await depth()).toMatchObject({ in_flight: 1 });
    connection.send({ t: "settled", task, fence: 1 });
    await expect.poll(depth).toMatchObject({ ready: 0, in_flight: 0 });
  });
});

describe("what a worker does with other messages", () => {
  it("puts what it does not know among the dead letters, so that poison never blocks and is never dropped", async () => {
    const { queue, depth } = await world();
    await queue.send({ queue: { pool: "p", class: "interactive" }, body: "{}", tenant: "t1", traceparent: "" });
    await expect.poll(depth).toMatchObject({ ready: 0, in_flight: 0, dead: 1 });
  });

  it("runs a task once although two messages are about it", async () => {
    const { connection, send, depth } = await world();
    const task = numberedTask(6);
    await send(task);
    const { ref } = await connection.next("lease");
    await send(task);
    await expect.poll(depth).toMatchObject({ ready: 0, in_flight: 2 });
    connection.send(grant(ref, task, 1));
    await connection.next("end");
    connection.send({ t: "settled", task, fence: 1 });
    await expect.poll(depth).toMatchObject({ in_flight: 1 });
    expect(connection.frames.filter(({ t }) => t === "lease")).toHaveLength(1);
  });

  it("buries a job that the cell calls exhausted and goes on with the next one, so that poison blocks no slot", async () => {
    const { connection, send, depth, queue } = await world({ concurrency: 1 });
    const [poison, next] = [numberedTask(7), numberedTask(8)];
    await send(poison);
    await send(next);
    const { ref, message } = await connection.next("lease");
    expect(message).toBe(jobMessage(poison));
    connection.send({ t: "refused", ref, reason: "exhausted", retry_after_ms: null });
    const after = await connection.next("lease");
    expect(after.message).toBe(jobMessage(next));
    connection.send(grant(after.ref, next, 1));
    await connection.next("end");
    connection.send({ t: "settled", task: next, fence: 1 });
    await expect.poll(depth).toMatchObject({ ready: 0, in_flight: 0, dead: 1 });
    expect(await queue.dead({ pool: "p", class: "interactive" }, { after: null, limit: 9 })).toMatchObject([
      { body: jobMessage(poison), reason: "begun too often without an end", deliveries: 1 },
    ]);
  });

  it("takes no more jobs than it has slots", async () => {
    const { connection, send, depth } = await world({ concurrency: 2 });
    for (let i = 10; i < 15; i++) await send(numberedTask(i));
    const refs = [await connection.next("lease"), await connection.next("lease")];
    expect(await depth()).toMatchObject({ ready: 3, in_flight: 2 });
    connection.send({ t: "refused", ref: refs[0]?.ref ?? "", reason: "finished", retry_after_ms: null });
    await connection.next("lease");
    expect(await depth()).toMatchObject({ ready: 2, in_flight: 2 });
  });
});

describe("a worker that leaves", () => {
  it("lets what runs end, takes nothing new, and says so", async () => {
    const { connection, send, worker, depth } = await world();
    const task = numberedTask(20);
    await send(task);
    const { ref } = await connection.next("lease");
    connection.send(grant(ref, task, 1));
    await connection.next("end");
    const drained = worker.drain(60_000, NEVER);
    await connection.next("leaving");
    await send(numberedTask(21));
    connection.send({ t: "settled", task, fence: 1 });
    expect(await drained).toEqual({ gaveUp: 0 });
    expect(await connection.closed).toBe(1005);
    expect(await depth()).toMatchObject({ ready: 1, in_flight: 0 });
  });

  it("gives back what does not end in time, so that another worker has it at once", async () => {
    const { connection, send, worker, depth } = await world();
    await send(numberedTask(22));
    await connection.next("lease");
    expect(await worker.drain(1, NEVER)).toEqual({ gaveUp: 1 });
    expect(await depth()).toMatchObject({ ready: 1, in_flight: 0 });
  });

  it("goes to another edge when its own drains and nothing runs there any more", async () => {
    const { connection, cell, worker } = await world();
    await connection.next("hello");
    connection.send({ t: "drain" });
    const second = await cell.connection();
    await second.next("hello");
    await expect.poll(() => worker.unready()).toBeNull();
  });
});
