import { describe, expect, it } from "vitest";
import { pacedEventSink } from "./paced.ts";

describe("a paced sink", () => {
  it("rests in proportion to what a delivery took, so that deliveries never take more than their share", async () => {
    let now = 0;
    const rests: number[] = [];
    const sink = pacedEventSink(
      {
        async deliver() {
          now += 30;
        },
      },
      { share: 0.25, restMsMax: 1_000, nowMs: () => now, pause: async (ms) => void rests.push(ms) },
    );
    await Promise.all([sink.deliver("a", []), sink.deliver("b", [])]);
    await sink.deliver("a", []);
    expect(rests.slice(0, 2)).toEqual([90, 90]);
  });

  it("tells each caller its own failure and goes on with the next, so that one tenant never stops the others", async () => {
    const order: string[] = [];
    const sink = pacedEventSink(
      {
        async deliver(tenant) {
          order.push(tenant);
          if (tenant === "bad") throw new Error("no");
        },
      },
      { share: 0.5, restMsMax: 1, nowMs: () => 0, pause: async () => {} },
    );
    const outcomes = await Promise.allSettled([sink.deliver("bad", []), sink.deliver("good", [])]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "fulfilled"]);
    expect(order).toEqual(["bad", "good"]);
  });
});
