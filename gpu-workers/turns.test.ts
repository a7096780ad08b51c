import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../shared/contracts/limits.ts";
import type { QueueClass } from "../shared/contracts/ports/job-queue.ts";
import { Turns } from "./turns.ts";

/** Two queues of a given length behind a worker; each job lasts as long as it says. A receive is answered in the instant. */
function simulate(slots: number, backlog: Record<QueueClass, number>, lengths: readonly number[]) {
  const turns = new Turns(slots);
  const left = { ...backlog };
  const started: QueueClass[] = [];
  const running: { untilMs: number }[] = [];
  const waiting: { of: QueueClass; untilMs: number }[] = [];
  let now = 0;
  let busyMax = 0;
  let jobs = 0;
  const ask = () => {
    for (;;) {
      const next = turns.next(now);
      if (next.length === 0) return;
      for (const { class: of, max, wait_ms } of next) {
        const got = Math.min(max, left[of]);
        if (got === 0 && wait_ms > 0) {
          waiting.push({ of, untilMs: now + wait_ms });
          continue;
        }
        left[of] -= got;
        turns.received(of, got, now);
        for (let i = 0; i < got; i++) {
          started.push(of);
          running.push({ untilMs: now + (lengths[jobs++ % lengths.length] ?? 1) });
        }
        busyMax = Math.max(busyMax, turns.busy);
      }
    }
  };
  for (let i = 0; i < 100_000 && (left.interactive > 0 || left.batch > 0); i++) {
    ask();
    const times = [...running, ...waiting].map(({ untilMs }) => untilMs);
    if (turns.wakeMs !== null) times.push(turns.wakeMs);
    now = Math.max(now + 1, Math.min(...times));
    for (let k = running.length - 1; k >= 0; k--)
      if ((running[k]?.untilMs ?? 0) <= now) {
        running.splice(k, 1);
        turns.done();
      }
    for (let k = waiting.length - 1; k >= 0; k--) {
      const each = waiting[k];
      if (each && each.untilMs <= now) {
        waiting.splice(k, 1);
        turns.received(each.of, 0, now);
      }
    }
  }
  return { started, busyMax, left, endedMs: now };
}

const worlds = fc.record({
  slots: fc.integer({ min: 1, max: 40 }),
  interactive: fc.nat(200),
  batch: fc.nat(200),
  lengths: fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 20 }),
});

describe("turns of two classes at one worker", () => {
  it("never has more jobs in hand than slots", () => {
    fc.assert(
      fc.property(worlds, ({ slots, lengths, ...backlog }) => {
        expect(simulate(slots, backlog, lengths).busyMax).toBeLessThanOrEqual(slots);
      }),
    );
  });

  it("starts at most the stated number of interactive jobs between two batch jobs, so that batch never starves", () => {
    fc.assert(
      fc.property(worlds, ({ slots, lengths, ...backlog }) => {
        const { started } = simulate(slots, backlog, lengths);
        const lastBatch = started.lastIndexOf("batch");
        let run = 0;
        for (const of of started.slice(0, lastBatch + 1)) {
          run = of === "batch" ? 0 : run + 1;
          expect(run).toBeLessThanOrEqual(LIMITS.workerInteractiveRun);
        }
      }),
    );
  });

  it("drains both queues, whatever waits at the empty one", () => {
    fc.assert(
      fc.property(worlds, ({ slots, lengths, ...backlog }) => {
        expect(simulate(slots, backlog, lengths).left).toEqual({ interactive: 0, batch: 0 });
      }),
    );
  });

  it("takes interactive work first when both wait for one slot", () => {
    const turns = new Turns(1);
    expect(turns.next(0)).toEqual([{ class: "interactive", max: 1, wait_ms: LIMITS.workerTurnMs }]);
  });

  it("does not let batch wait behind interactive's empty queue with its only slot", () => {
    const { endedMs } = simulate(1, { interactive: 0, batch: 100 }, [1]);
    // One look at the empty queue before the first job, and none with a wait once batch is known to have work.
    expect(endedMs).toBeLessThan(LIMITS.workerTurnMs + 1_000);
  });

  it("keeps no slot from interactive work for longer than a look at an empty batch queue", () => {
    const turns = new Turns(4);
    const [batch, interactive] = turns.next(0);
    expect([batch?.class, interactive?.class]).toEqual(["batch", "interactive"]);
    expect(batch?.wait_ms).toBeLessThanOrEqual(LIMITS.workerBatchWaitMs);
    turns.received("batch", 0, LIMITS.workerBatchWaitMs);
    expect(turns.next(LIMITS.workerBatchWaitMs)).toEqual([]);
    expect(turns.wakeMs).toBe(LIMITS.workerBatchWaitMs + LIMITS.workerTurnMs);
  });
});
