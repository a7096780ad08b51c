import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TaskId, TenantId, UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { decodeFrames, encodeFrames } from "../../../shared/contracts/log-frames.ts";
import type { LogHead, LogItem } from "../../../shared/contracts/ports/task-log.ts";
import type { TaskStore } from "../../../shared/contracts/ports/task-store.ts";
import { type ObjectsHome, objectsHome } from "../../../test/support/objects-home.ts";
import type { EmbeddedHost } from "../../runtime/embedded-host.ts";
import { embeddedTaskStore } from "../embedded.ts";
import { taskClass } from "../object-class.ts";
import { encodeLogItem, logItems } from "./log-wire.ts";

const HEAD: LogHead = { status: 200, content_type: "text/event-stream", stream: true, headers: { a: "b" } };
const LIFE_MS = 60_000;
const tenant = "t1" as TenantId; // safe because: it matches the pattern
let made = 0;
const newTask = () => `task_${String(++made).padStart(26, "0")}` as TaskId; // safe because: it matches the pattern

let home: ObjectsHome;
let host: EmbeddedHost;
let store: TaskStore;
beforeEach(() => {
  home = objectsHome({ classes: [taskClass] });
  host = home.open();
  store = embeddedTaskStore(host);
});
afterEach(async () => {
  await host.close();
  home.remove();
});

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const frame = (number: number) => new TextEncoder().encode(`frame ${number};`);
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);

async function started(): Promise<{ task: TaskId; fence: number }> {
  const task = newTask();
  const now = home.clock.now();
  await store.detach(tenant, task, {
    sealed: new Uint8Array([1]),
    job: null,
    deadline: (now + 60_000) as UnixMs, // safe because: milliseconds
    expires_ms: (now + 600_000) as UnixMs, // safe because: milliseconds
    callback: null,
    session: null,
  });
  const leased = await store.leaseTask(tenant, task, { life_ms: LIFE_MS, held: false });
  if (!leased.ok) throw new Error(leased.error.reason);
  return { task, fence: leased.value.fence };
}

const append = (task: TaskId, fence: number, from: number, count: number) =>
  store.appendLog(tenant, task, fence, {
    from,
    frames: count,
    sealed: encodeFrames(numbers(from, count).map(frame)),
  });
const show = (task: TaskId, fence: number, from: number, count: number) =>
  store.showLog(tenant, task, fence, { from, frames: numbers(from, count).map(frame) });

/** What a reader makes of the items: the frames behind `after`, as the contract says to read them. */
async function read(
  stream: ReadableStream<LogItem>,
  after: number,
): Promise<{ text: string; heads: number; end: string }> {
  let next = after + 1;
  let heads = 0;
  let end = "none";
  let all = "";
  for await (const item of stream) {
    if (item.kind === "head") heads++;
    if (item.kind === "end") end = item.end;
    if (item.kind !== "part" && item.kind !== "live") continue;
    const decoded = item.kind === "part" ? decodeFrames(item.part.sealed) : null;
    const frames = item.kind === "live" ? item.live.frames : decoded?.ok ? decoded.value : [];
    const from = item.kind === "live" ? item.live.from : item.part.from;
    if (from > next) throw new Error(`a gap before ${from}`);
    for (const bytes of frames.slice(next - from)) {
      all += text(bytes);
      next++;
    }
  }
  return { text: all, heads, end };
}

async function watching(task: TaskId, after: number) {
  const watched = await store.watchLog(tenant, task, after);
  if (!watched.ok) throw new Error(watched.error.reason);
  return read(watched.value, after);
}

describe("whoever watches a task", { timeout: 30_000 }, () => {
  it("misses nothing and sees nothing twice, whenever it comes and however the log is written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ frames: fc.integer({ min: 1, max: 5 }), live: fc.boolean(), join: fc.boolean() }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        async (steps, random) => {
          const { task, fence } = await started();
          await store.openLog(tenant, task, fence, HEAD);
          const readers: { after: number; result: ReturnType<typeof read> }[] = [];
          let written = 0;
          for (const step of steps) {
            if (step.join) {
              const after = Math.floor((random.next().value ?? 0) * (written + 1));
              readers.push({ after, result: watching(task, after) });
              if ((random.next().value ?? 0) > 0.5) await new Promise((resolve) => setImmediate(resolve));
            }
            if (step.live) for (const number of numbers(written + 1, step.frames)) await show(task, fence, number, 1);
            expect((await append(task, fence, written + 1, step.frames)).ok).toBe(true);
            written += step.frames;
          }
          await store.closeLog(tenant, task, fence, "complete");
          readers.push({ after: 0, result: watching(task, 0) });
          for (const { after, result } of readers) {
            expect(await result).toEqual({
              text: numbers(after + 1, written - after)
                .map((n) => text(frame(n)))
                .join(""),
              heads: 1,
              end: "complete",
            });
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("sees frames before they are durable, but never the first one: what was shown of a lost run can be told", async () => {
    const { task, fence } = await started();
    await store.openLog(tenant, task, fence, HEAD);
    const watched = await store.watchLog(tenant, task, 0);
    if (!watched.ok) throw new Error(watched.error.reason);
    const reader = watched.value.getReader();
    const first = reader.read();
    await show(task, fence, 1, 1);
    await append(task, fence, 1, 1);
    expect((await first).value).toEqual({ kind: "head", head: HEAD });
    expect((await reader.read()).value).toMatchObject({ kind: "part", part: { from: 1 } });
    await show(task, fence, 2, 1);
    expect((await reader.read()).value).toMatchObject({ kind: "live", live: { from: 2 } });
    await reader.cancel();
  });

  it("sees nothing of a writer that was shut out", async () => {
    const { task, fence } = await started();
    await store.openLog(tenant, task, fence, HEAD);
    await append(task, fence, 1, 1);
    const result = watching(task, 0);
    home.clock.advance(LIFE_MS);
    const next = await store.leaseTask(tenant, task, { life_ms: LIFE_MS, held: false });
    if (!next.ok) throw new Error(next.error.reason);
    await append(task, next.value.fence, 2, 1);
    await store.showLog(tenant, task, fence, { from: 3, frames: [new TextEncoder().encode("late")] });
    await append(task, next.value.fence, 3, 1);
    await store.closeLog(tenant, task, next.value.fence, "complete");
    expect((await result).text).toBe("frame 1;frame 2;frame 3;");
  });

  it("that does not read keeps its writer from nothing, and is given what is durable when it does", async () => {
    const { task, fence } = await started();
    await store.openLog(tenant, task, fence, HEAD);
    const watched = await store.watchLog(tenant, task, 0);
    if (!watched.ok) throw new Error(watched.error.reason);
    const big = new Uint8Array(LIMITS.logLiveBytesMax / 4);
    await append(task, fence, 1, 1);
    for (let number = 2; number <= 12; number++) {
      await store.showLog(tenant, task, fence, { from: number, frames: [big] });
      await append(task, fence, number, 1);
    }
    await store.closeLog(tenant, task, fence, "failed");
    expect(await read(watched.value, 0)).toMatchObject({ end: "failed", heads: 1 });
  });

  it("looks at a whole answer's object when it comes and when the answer is there, so that a batch's lines cost no more", async () => {
    let calls = 0;
    const counted: EmbeddedHost = {
      ...host,
      call: (of, name, body) => {
        calls++;
        return host.call(of, name, body);
      },
    };
    store = embeddedTaskStore(counted);
    const { task, fence } = await started();
    calls = 0;
    const result = watching(task, 0);
    await store.openLog(tenant, task, fence, HEAD);
    const answer = { from: 1, frames: 1, sealed: encodeFrames([frame(1)]), unseen: true } as const;
    expect((await store.appendLog(tenant, task, fence, answer)).ok).toBe(true);
    expect((await store.closeLog(tenant, task, fence, "complete")).ok).toBe(true);
    expect(await result).toEqual({ text: "frame 1;", heads: 1, end: "complete" });
    const writes = 3;
    expect(calls - writes).toBe(2);
  });

  it("is one of at most so many", async () => {
    const { task } = await started();
    const streams = await Promise.all(numbers(0, LIMITS.watchersMax).map(() => store.watchLog(tenant, task, 0)));
    expect((await store.watchLog(tenant, task, 0)).ok).toBe(false);
    for (const watched of streams) if (watched.ok) await watched.value.cancel();
    const again = await store.watchLog(tenant, task, 0);
    expect(again.ok).toBe(true);
    if (again.ok) await again.value.cancel();
  });
});

describe("whoever carries a task out", () => {
  const other = { life_ms: LIFE_MS, held: true };

  it("keeps it with a renewal that comes behind the lease's end, so that a process that fell behind loses none of its runs", async () => {
    const { task, fence } = await started();
    home.clock.advance(LIFE_MS + 1);
    expect((await store.renewTask(tenant, task, fence, { life_ms: LIFE_MS, wait_ms: 0 })).ok).toBe(true);
    expect(await store.leaseTask(tenant, task, other)).toMatchObject({ ok: false, error: { reason: "leased" } });
  });

  it("keeps it while it asks for that, however late it is; what asks no more has lost it", async () => {
    const { task, fence } = await started();
    const asked = store.renewTask(tenant, task, fence, { life_ms: LIFE_MS, wait_ms: 30_000 });
    // The first look is over, and it waits.
    await store.detached(tenant, task);
    home.clock.advance(LIFE_MS + 1);
    expect(await store.leaseTask(tenant, task, other)).toEqual({
      ok: false,
      error: { reason: "leased", retry_after_ms: LIFE_MS / 3 },
    });
    await store.cancelTask(tenant, task);
    await asked;
    home.clock.advance(LIFE_MS + 1);
    expect(await store.leaseTask(tenant, task, other)).toMatchObject({ ok: true, value: { fence: fence + 1 } });
    expect(await store.renewTask(tenant, task, fence, { life_ms: LIFE_MS, wait_ms: 0 })).toMatchObject({ ok: false });
  });

  it("hears of a cancellation while it waits, not at its next renewal", async () => {
    const { task, fence } = await started();
    const told = store.renewTask(tenant, task, fence, { life_ms: LIFE_MS, wait_ms: 30_000 });
    await store.cancelTask(tenant, task);
    expect(await told).toEqual({ ok: true, value: { cancel: true } });
  });
});

describe("log items between an object and its caller", () => {
  const items: LogItem[] = [
    { kind: "head", head: HEAD },
    { kind: "part", part: { from: 1, frames: 2, sealed: encodeFrames([frame(1), frame(2)]) } },
    { kind: "live", live: { from: 3, frames: [frame(3), new Uint8Array(), frame(5)] } },
    { kind: "end", end: "failed" },
  ];
  const bytes = items.flatMap((item) => [...encodeLogItem(item)]);

  it("arrive as they were sent, however the bytes are cut", async () => {
    for (const size of [1, 3, 7, 1_000]) {
      const source = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let from = 0; from < bytes.length; from += size)
            controller.enqueue(Uint8Array.from(bytes.slice(from, from + size)));
          controller.close();
        },
      });
      const got: LogItem[] = [];
      for await (const item of logItems(source)) got.push(item);
      expect(got).toEqual(items);
    }
  });

  it("that break off inside one are an error, never an end", async () => {
    const source = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(Uint8Array.from(bytes.slice(0, -2)));
        controller.close();
      },
    });
    const drain = async () => {
      for await (const item of logItems(source)) expect(item.kind).not.toBe("end");
    };
    await expect(drain()).rejects.toThrow("broke off");
  });
});
