import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import type { OutboxRow } from "../../../shared/contracts/ports/tenant-store.ts";
import { type Pace, pacedEventSink } from "./paced.ts";

/** A machine whose time passes in pauses and deliveries only, while calls use `load` of one core. */
function machine() {
  const state = { now: 1_000_000, cpu: 0, load: 0, rested: 0 };
  const pace: Pace = {
    // safe because: the test's own clock, in milliseconds
    clock: { now: () => state.now as UnixMs },
    nowMs: () => state.now,
    cpuMs: () => state.cpu,
    async pause(ms) {
      state.now += ms;
      state.rested += ms;
      state.cpu += ms * state.load;
    },
  };
  const row = (ageMs: number): OutboxRow => ({
    ...{ seq: 1, type: "t", subject: "s", data: {} },
    // safe because: as above
    at_ms: (state.now - ageMs) as UnixMs,
  });
  return { state, pace, row };
}

/** How long the sink rests after a delivery of `tookMs` before it starts the next. */
async function restAfter(tookMs: number, load: number, ageMs: number): Promise<number> {
  const { state, pace, row } = machine();
  state.load = load;
  const rests: number[] = [];
  const sink = pacedEventSink(
    {
      async deliver() {
        rests.push(state.rested);
        state.now += tookMs;
      },
    },
    pace,
  );
  await Promise.all([sink.deliver("a", [row(ageMs)]), sink.deliver("b", [row(ageMs)])]);
  return (rests[1] ?? 0) - (rests[0] ?? 0);
}

describe("a paced sink", () => {
  it("takes a small share while calls keep the process busy, so that read models never slow the calls", async () => {
    expect(Math.round(await restAfter(30, 0.9, 1_000))).toBe(470);
  });

  it("takes half of the time of a calm process, so that it catches up soon", async () => {
    expect(Math.round(await restAfter(30, 0.1, 1_000))).toBe(30);
  });

  it("takes more the older its oldest event is, and all of it at the bound, so that the lag cannot grow for ever", async () => {
    const rests = await Promise.all(
      [0, 0.25, 0.75, 1, 3].map((part) => restAfter(30, 0.9, part * LIMITS.feedLagMsMax)),
    );
    expect(rests.map(Math.round)).toEqual([470, 90, 10, 0, 0]);
  });

  it("ends a long rest soon after the calls have ended", async () => {
    const { state, pace, row } = machine();
    state.load = 1;
    const starts: number[] = [];
    const sink = pacedEventSink(
      {
        async deliver() {
          starts.push(state.now);
          state.now += 400;
        },
      },
      {
        ...pace,
        async pause(ms) {
          if (state.rested > 1_000) state.load = 0;
          await pace.pause(ms);
        },
      },
    );
    await Promise.all([sink.deliver("a", [row(0)]), sink.deliver("a", [row(0)])]);
    const restMs = (starts[1] ?? 0) - (starts[0] ?? 0) - 400;
    expect(restMs).toBeGreaterThan(1_000);
    expect(restMs).toBeLessThan(1_600);
  });

  it("tells each caller its own failure and goes on with the next, so that one tenant never stops the others", async () => {
    const order: string[] = [];
    const { pace, row } = machine();
    const sink = pacedEventSink(
      {
        async deliver(tenant) {
          order.push(tenant);
          if (tenant === "bad") throw new Error("no");
        },
      },
      pace,
    );
    const outcomes = await Promise.allSettled([sink.deliver("bad", [row(0)]), sink.deliver("good", [row(0)])]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "fulfilled"]);
    expect(order).toEqual(["bad", "good"]);
  });
});
