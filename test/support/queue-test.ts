import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { eventually, type Tenant, user } from "./lab.ts";
import type { PoolWorker } from "./pool-worker.ts";
import { type QueueCell, type QueueWorld, startQueueWorld } from "./queue-world.ts";
import { RawStream } from "./raw-stream.ts";
import { WorkerGate } from "./worker-gate.ts";

export const CHAT = "/v1/chat/completions";
export const COMPLETIONS = "/v1/completions";
/** Tokens per second: slow enough to be stopped between two of them; an answer of at most 48 takes five seconds. */
export const SLOW = 10;
export const TEST_MS = 240_000;

/** A world for the tests of a file, with a tenant and workers of each test's own. Members are usable inside tests only. */
export function queueTests(bin: string | null, { runtime }: Pick<QueueCell, "runtime"> = { runtime: "deno" }) {
  let world: QueueWorld;
  let tenant: Tenant;
  let workers: PoolWorker[] = [];
  let gates: WorkerGate[] = [];
  beforeAll(async () => {
    world = await startQueueWorld(bin ?? "", { runtime });
  });
  afterAll(() => world?.stop());
  beforeEach(async () => {
    tenant = await world.tenant();
  });
  afterEach(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(gates.map((gate) => gate.stop()));
    [workers, gates] = [[], []];
  });

  const start = async (options: Parameters<QueueWorld["worker"]>[0] = {}): Promise<PoolWorker> => {
    const worker = await world.worker(options);
    workers.push(worker);
    // The edge looks at its pools every two seconds: until then it may still say that nobody is there.
    const asked = { key: world.cell.apiKey, body: { model: "words", messages: [user("?")], max_completion_tokens: 1 } };
    const there = async () => (await world.lab.ask(CHAT, asked)).status === 200;
    if (workers.length === 1) expect(await eventually(there, Boolean)).toBe(true);
    return worker;
  };
  const stream = (prompt: string, path = CHAT) => {
    const asked = path === CHAT ? { messages: [user(prompt)] } : { prompt };
    return RawStream.open(world.lab, path, { key: tenant.apiKey, body: { model: "words", stream: true, ...asked } });
  };
  return {
    get world() {
      return world;
    },
    get lab() {
      return world.lab;
    },
    get tenant() {
      return tenant;
    },
    start,
    /** A worker that reaches the cell through a gate. */
    async gated(tokensPerS: number): Promise<{ gate: WorkerGate; worker: PoolWorker }> {
      const gate = await WorkerGate.start(world.cell);
      gates.push(gate);
      return { gate, worker: await start({ url: gate.url, tokensPerS }) };
    },
    stream,
    /** A task that goes on without its caller; answers its id. */
    async task(prompt: string, more: object = {}): Promise<string> {
      const asked = { intent: "chat", model: "words", input: prompt, ...more };
      return (await world.lab.json("/v1/tasks", { key: tenant.apiKey, body: asked })).task_id;
    },
    /** What the same question is answered when nothing fails. */
    async inPeace(prompt: string, path = CHAT): Promise<string> {
      const whole = await (await stream(prompt, path)).read();
      expect([whole.end, whole.complete]).toEqual(["clean", true]);
      return whole.text;
    },
  };
}

/** An error behind a part of the answer, on a destroyed connection. */
export function expectBroken(broken: RawStream, whole: string): void {
  expect([broken.end, broken.complete, broken.error]).toEqual(["cut", false, expect.any(String)]);
  expect(whole.startsWith(broken.text)).toBe(true);
  expect(broken.text.length).toBeLessThan(whole.length);
}
