import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { UnixMs } from "../shared/contracts/ids.ts";
import { LIMITS } from "../shared/contracts/limits.ts";
import {
  type JobQueue,
  JobQueueUnavailable,
  type QueueClass,
  type ReceivedJob,
} from "../shared/contracts/ports/job-queue.ts";
import { createTelemetry } from "../shared/telemetry/create-telemetry.ts";
import { Consumer } from "./consumer.ts";
import { Turns } from "./turns.ts";

const clock = { now: () => Date.now() as UnixMs }; // safe because: it is what the clock says
type Asked = { of: QueueClass; max: number; wait_ms: number; answer: (jobs: ReceivedJob[] | Error) => void };

/** A consumer whose queue answers what a test says, when it says so. */
function world(slots: number) {
  vi.useFakeTimers();
  const asked: Asked[] = [];
  const accepted: string[] = [];
  const back: string[] = [];
  let open = true;
  const queue: Pick<JobQueue, "receive" | "extend" | "placement"> = {
    placement: { technology: "sqs", jurisdiction: "eu" },
    receive: ({ class: of }, { max, wait_ms }) =>
      new Promise((resolve, reject) => {
        asked.push({ of, max, wait_ms, answer: (jobs) => (jobs instanceof Error ? reject(jobs) : resolve(jobs)) });
      }),
    extend: async ({ id }) => {
      back.push(id);
      return true;
    },
  };
  const turns = new Turns(slots);
  const telemetry = createTelemetry({
    ...{ service: "worker", cell: "local", clock, sink: () => undefined, exporter: null, metricExporter: null },
    ...{ ids: { bytes: (count) => new Uint8Array(count) }, sample: { ratio: 0, followParent: false } },
  });
  const consumer = new Consumer({
    ...{ queue, pool: "p", turns, telemetry, clock, random: () => 1 },
    open: () => open,
    accept: ({ id }) => void accepted.push(id),
  });
  onTestFinished(async () => {
    const stopped = consumer.stop();
    for (const { answer } of asked) answer([]);
    await stopped;
    vi.useRealTimers();
  });
  const next = async (of: QueueClass): Promise<Asked> => {
    await vi.advanceTimersByTimeAsync(0);
    const at = asked.findIndex((each) => each.of === of);
    const [found] = at < 0 ? [] : asked.splice(at, 1);
    if (!found) throw new Error(`nobody asks for ${of} work`);
    return found;
  };
  return {
    ...{ consumer, turns, asked, accepted, back, next },
    shut: () => {
      open = false;
    },
  };
}
const job = (id: string, of: QueueClass = "interactive"): ReceivedJob => ({
  ...{ queue: { pool: "p", class: of }, id, body: "{}", receipt: id, deliveries: 1, sent_ms: 0, traceparent: "" },
});

describe("receiving", () => {
  it("asks for both classes while slots are free, and for none when they are all in use", async () => {
    const { consumer, turns, asked, accepted, next } = world(2);
    consumer.wake();
    (await next("batch")).answer([job("b", "batch")]);
    (await next("interactive")).answer([job("a")]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([accepted, asked]).toEqual([["b", "a"], []]);
    turns.done();
    consumer.wake();
    const again = await next("interactive");
    expect(again.max).toBe(1);
    again.answer([]);
  });

  it("gives back at once what arrives when it can run nothing any more", async () => {
    const { consumer, accepted, back, next, shut, turns } = world(4);
    consumer.wake();
    const receive = await next("interactive");
    shut();
    receive.answer([job("a")]);
    await vi.advanceTimersByTimeAsync(0);
    expect([accepted, back, turns.busy]).toEqual([[], ["a"], 0]);
  });

  it("waits longer after each failure of the queue, up to a bound, and asks for ever", async () => {
    const { consumer, next, asked } = world(4);
    consumer.wake();
    const waits: number[] = [];
    for (let tries = 0; tries < 12; tries++) {
      (await next("interactive")).answer(new JobQueueUnavailable("gone"));
      const failedMs = Date.now();
      await vi.advanceTimersByTimeAsync(1);
      while (!asked.some(({ of }) => of === "interactive")) await vi.advanceTimersByTimeAsync(50);
      waits.push(Date.now() - failedMs);
    }
    expect(waits[0]).toBeLessThan(2 * LIMITS.workerReconnectMsMin);
    for (const [i, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(waits[i - 1] ?? 0);
    expect(Math.abs((waits.at(-1) ?? 0) - LIMITS.workerReceiveRetryMsMax)).toBeLessThan(100);
  });

  it("leaves no receive behind that could take a message with it", async () => {
    const { consumer, next, back } = world(4);
    consumer.wake();
    const receive = await next("interactive");
    let stopped = false;
    const stop = consumer.stop().then(() => {
      stopped = true;
    });
    (await next("batch")).answer([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stopped).toBe(false);
    receive.answer([job("a")]);
    await stop;
    expect(back).toEqual(["a"]);
  });
});
