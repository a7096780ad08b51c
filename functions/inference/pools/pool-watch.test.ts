import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { PoolReport, PoolState, PoolWorkerReport } from "../../../shared/contracts/pool-load.ts";
import { JobQueueUnavailable, type QueueDepth } from "../../../shared/contracts/ports/job-queue.ts";
import { PoolWatch } from "./pool-watch.ts";

const worker = (id: string, members: Partial<PoolWorkerReport> = {}): PoolWorkerReport => ({
  ...{ id, pool: "gpu", worker: id, ready: true, running: 0, waiting: 0, concurrency: 4, service_ms: null },
  models: [{ id: "llama", digest: null }],
  ...members,
});

/** An object of the cell that names the connections it was told of, and an edge that watches through it. */
function watched({ queue = true } = {}) {
  const calls: string[] = [];
  const workers = new Set<string>();
  const queues = new Map<string, PoolState["queues"][number]>();
  const state = {
    now: 1_000_000,
    down: false,
    ready: 0,
    queueDown: false,
    draining: false,
    gate: null as Promise<void> | null,
    slow: null as Promise<void> | null,
  };
  const states = (): PoolState[] => [
    {
      ...{ pool: "gpu", connected: workers.size, workers: workers.size, capacity: 0, running: 0, waiting: 0 },
      ...{ service_ms: null, models: [...workers].map((id) => ({ id, digest: null, ...EMPTY })) },
      queues: [...queues.values()],
    },
  ];
  const answer = async (call: string, report?: PoolReport): Promise<PoolState[]> => {
    calls.push(call);
    await state.gate;
    if (state.down) throw new Error("the object is away");
    for (const { id } of report?.workers ?? []) workers.add(id);
    for (const id of report?.gone ?? []) workers.delete(id);
    for (const sample of report?.queues ?? [])
      queues.set(`${sample.pool}/${sample.class}`, { ...sample, sampled_ms: state.now });
    return states();
  };
  const deferred: Promise<unknown>[] = [];
  const logged: string[] = [];
  const watch = new PoolWatch({
    cellStore: { poolReport: (report) => answer("report", report), pools: () => answer("pools") },
    queue: queue
      ? {
          async depth(): Promise<QueueDepth> {
            calls.push("depth");
            await state.slow;
            if (state.queueDown) throw new JobQueueUnavailable("away");
            return { ready: state.ready, in_flight: 0, dead: 0, oldest_ms: null };
          },
        }
      : null,
    names: () => ["gpu"],
    clock: { now: () => state.now as UnixMs }, // safe because: milliseconds
    telemetry: {
      log: {
        info: (event) => void logged.push(event),
        warn: (event) => void logged.push(`warn ${event}`),
        error: (event) => void logged.push(`error ${event}`),
      },
    },
    defer: (work) => void deferred.push(work),
    draining: () => state.draining,
    async pause(ms) {
      const until = state.now + ms;
      await new Promise((resolve) => setImmediate(resolve));
      state.now = Math.max(state.now, until);
    },
  });
  const idle = async () => {
    while (deferred.length > 0) await deferred.shift();
  };
  const connected = async () => (await watch.states())?.find(({ pool }) => pool === "gpu")?.models.map(({ id }) => id);
  return { watch, state, calls, logged, idle, connected };
}
const EMPTY = { workers: 0, capacity: 0, running: 0, waiting: 0, service_ms: null };

describe("what an edge knows of pools", () => {
  it("is read once in two seconds, whatever is asked of it, so that load costs calls nothing", async () => {
    const { watch, state, calls } = watched({ queue: false });
    for (let at = 0; at < 50; at++) await watch.states();
    expect(calls).toEqual(["pools"]);
    state.now += LIMITS.poolViewMs;
    await watch.states();
    expect(calls).toHaveLength(1);
    state.now += 1;
    await watch.states();
    expect(calls).toHaveLength(2);
  });

  it("is asked for after a call came before that call is refused, ten times a second at most however many come", async () => {
    const { watch, state, calls } = watched({ queue: false });
    await watch.states();
    const told = await Promise.all(Array.from({ length: 50 }, () => watch.newer()));
    expect(told.every((states) => states?.[0]?.pool === "gpu")).toBe(true);
    expect(calls).toEqual(["pools", "pools"]);
    const before = state.now;
    await watch.newer();
    expect(calls).toEqual(["pools", "pools", "pools"]);
    expect(state.now - before).toBe(LIMITS.poolRefusalEveryMs);
  });

  it("is not what a question says that began before the call came, so that a worker of meanwhile is not missed", async () => {
    const { watch, state, calls } = watched({ queue: false });
    const early = Promise.withResolvers<void>();
    state.gate = early.promise;
    const first = watch.states();
    state.gate = null;
    const newer = watch.newer();
    watch.report(worker("a"));
    early.resolve();
    await first;
    expect((await newer)?.[0]?.connected).toBe(1);
    expect(calls).toEqual(["pools", "report"]);
  });

  it("refuses nobody more where the object is away, and is asked once for all who wait", async () => {
    const { watch, state, calls, logged } = watched({ queue: false });
    await watch.states();
    state.down = true;
    expect(await Promise.all([watch.newer(), watch.newer()])).toEqual([null, null]);
    expect(logged).toEqual(["error pools.unread"]);
    state.gate = new Promise(() => {});
    watch.report(worker("a"));
    expect(await watch.newer()).toBeNull();
    expect(calls).toEqual(["pools", "pools", "report"]);
  });

  it("has a connection that counts as known only once the object has taken its word, or it is gone", async () => {
    const { watch, state, idle, logged } = watched({ queue: false });
    const order: string[] = [];
    state.down = true;
    watch.report(worker("a"));
    watch.report(worker("b"));
    const known = ["a", "b"].map((id) => watch.known(id).then(() => void order.push(id)));
    await idle();
    expect(order).toEqual([]);
    watch.gone("b");
    await known[1];
    expect(order).toEqual(["b"]);
    state.down = false;
    await watch.states();
    await known[0];
    expect(order).toEqual(["b", "a"]);
    await watch.known("a");
    expect(logged.length).toBeGreaterThan(0);
  });

  it("is asked for by one call at a time, while the others plan with what is there", async () => {
    const { watch, state, calls } = watched({ queue: false });
    await watch.states();
    state.now += LIMITS.poolViewMs + 1;
    const gate = Promise.withResolvers<void>();
    state.gate = gate.promise;
    const first = watch.states();
    const others = await Promise.all(Array.from({ length: 20 }, () => watch.states()));
    expect(others.every((one) => one?.[0]?.pool === "gpu")).toBe(true);
    gate.resolve();
    await first;
    expect(calls).toHaveLength(2);
  });

  it("has a worker the moment it has connected here, and not any more the moment it left", async () => {
    const { watch, connected, idle } = watched();
    expect(await connected()).toEqual([]);
    watch.report(worker("a"));
    expect(await connected()).toEqual(["a"]);
    watch.report(worker("b"));
    watch.gone("a");
    expect(await connected()).toEqual(["b"]);
    await idle();
    expect(await connected()).toEqual(["b"]);
  });

  it("tells what was said while it was telling, so that no word waits for the next one", async () => {
    const { watch, state, idle, connected } = watched({ queue: false });
    const gate = Promise.withResolvers<void>();
    state.gate = gate.promise;
    watch.report(worker("a"));
    watch.report(worker("b"));
    watch.gone("a");
    gate.resolve();
    await idle();
    const calls = await connected();
    expect(calls).toEqual(["b"]);
  });

  it("has a worker although the queues are still being looked at", async () => {
    const { watch, state, connected } = watched();
    await connected();
    const slow = Promise.withResolvers<void>();
    state.slow = slow.promise;
    state.now += LIMITS.poolViewMs + 1;
    watch.report(worker("a"));
    await expect.poll(() => watch.last[0]?.connected).toBe(1);
    expect(await connected()).toEqual(["a"]);
    slow.resolve();
  });

  it("does not wait for a question that never ends, as one of a request that was cut off", async () => {
    const { watch, state, calls, connected } = watched({ queue: false });
    await connected();
    state.gate = new Promise(() => {});
    watch.report(worker("a"));
    state.gate = null;
    state.now += LIMITS.workerLoadEveryMs;
    watch.report(worker("b"));
    expect(calls).toEqual(["pools", "report", "report"]);
    await expect.poll(() => watch.last[0]?.connected).toBe(2);
    expect(await connected()).toEqual(["a", "b"]);
  });

  it("goes on for as long as reports count where the object is away, then says that nothing is known", async () => {
    const { watch, state, connected, logged } = watched();
    watch.report(worker("a"));
    await connected();
    state.down = true;
    state.now += LIMITS.poolReportMsMax;
    expect(await connected()).toEqual(["a"]);
    state.now += 1;
    expect(await watch.states()).toBeNull();
    expect(logged).toContain("error pools.unread");
    // What did not arrive goes with the next question.
    watch.report(worker("b"));
    state.down = false;
    expect(await connected()).toEqual(["a", "b"]);
  });

  it("leaves no error in the log of a cell that ends before its last word arrived", async () => {
    const { watch, state, logged, idle } = watched();
    watch.report(worker("a"));
    await idle();
    Object.assign(state, { down: true, draining: true });
    watch.gone("a");
    await idle();
    expect(logged).toEqual(["pools.untold"]);
    state.draining = false;
    watch.report(worker("b"));
    await idle();
    expect(logged).toEqual(["pools.untold", "error pools.untold"]);
  });

  it("counts jobs that were sent since a queue was looked at, and forgets them with the next look", async () => {
    const { watch, state, calls } = watched();
    await watch.states();
    expect(calls).toEqual(["pools", "depth", "depth", "report"]);
    watch.sent({ pool: "gpu", class: "interactive" }, "task_a");
    watch.sent({ pool: "gpu", class: "interactive" }, "task_b");
    watch.sent({ pool: "gpu", class: "batch" }, "task_c");
    expect(watch.sentTo("gpu", null)).toEqual({ interactive: 2, batch: 1 });
    await watch.states();
    expect(watch.sentTo("gpu", null)).toEqual({ interactive: 2, batch: 1 });
    state.ready = 2;
    state.now += LIMITS.poolViewMs + 1;
    const states = await watch.states();
    expect(watch.sentTo("gpu", null)).toEqual({ interactive: 0, batch: 0 });
    expect(states?.[0]?.queues.map(({ ready }) => ready)).toEqual([2, 2]);
  });

  it("counts a task once however often it is planned, and never against itself", async () => {
    const { watch } = watched();
    await watch.states();
    for (let plan = 0; plan < 3; plan++) watch.sent({ pool: "gpu", class: "interactive" }, "task_a");
    expect(watch.sentTo("gpu", "task_a").interactive).toBe(0);
    expect(watch.sentTo("gpu", "task_b").interactive).toBe(1);
  });

  it("keeps what it knew of a queue that does not answer, and what was sent to it", async () => {
    const { watch, state, logged } = watched();
    state.ready = 5;
    await watch.states();
    state.queueDown = true;
    watch.sent({ pool: "gpu", class: "interactive" }, "task_a");
    const states = await watch.look();
    state.now += 1;
    await watch.look();
    expect(states[0]?.queues.map(({ ready }) => ready)).toEqual([5, 5]);
    expect(watch.sentTo("gpu", null).interactive).toBe(1);
    expect(logged).toContain("warn pools.queue");
  });

  it("looks at a queue that is away as rarely as at one that answers, so that no call waits for it alone", async () => {
    const { watch, state, calls } = watched();
    state.queueDown = true;
    await watch.states();
    for (let at = 0; at < 10; at++) await watch.newer();
    expect(calls.filter((call) => call === "depth")).toHaveLength(2);
    state.now += LIMITS.poolViewMs + 1;
    await watch.states();
    expect(calls.filter((call) => call === "depth")).toHaveLength(4);
  });

  it("warns once for as long as a queue is away and tells once that it is back, so that no call writes a line", async () => {
    const { watch, state, logged } = watched();
    const looks = async (count: number) => {
      for (let at = 0; at < count; at++) {
        state.now += LIMITS.poolViewMs + 1;
        await watch.states();
      }
      return logged.splice(0);
    };
    expect(await looks(3)).toEqual([]);
    state.queueDown = true;
    expect(await looks(3)).toEqual(["warn pools.queue", "warn pools.queue"]);
    state.queueDown = false;
    state.ready = 7;
    expect(await looks(3)).toEqual(["pools.queue_back", "pools.queue_back"]);
    expect(watch.last[0]?.queues.map(({ ready }) => ready)).toEqual([7, 7]);
    state.queueDown = true;
    expect(await looks(1)).toEqual(["warn pools.queue", "warn pools.queue"]);
  });
});
