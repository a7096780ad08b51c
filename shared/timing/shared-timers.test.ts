import { describe, expect, it } from "vitest";
import { sharedTimers } from "./shared-timers.ts";

/** A runtime whose clock moves when told, and that counts its timers. */
function manual() {
  let nowMs = 0;
  let set: { atMs: number; work: () => void } | null = null;
  const made = { timers: 0 };
  const timers = sharedTimers({
    nowMs: () => nowMs,
    after(ms, work) {
      made.timers++;
      const own = { atMs: nowMs + ms, work };
      set = own;
      return () => {
        if (set === own) set = null;
      };
    },
  });
  return {
    timers,
    made,
    armedMs: () => set?.atMs ?? null,
    /** Time goes on to there, timer by timer. */
    async until(ms: number) {
      while (set !== null && set.atMs <= ms) {
        const { atMs, work } = set;
        set = null;
        nowMs = atMs;
        work();
        await Promise.resolve();
      }
      nowMs = ms;
    },
  };
}

describe("waits that share one timer of the runtime", () => {
  it("each end at their own time, whatever their order and length, so that no bound is early or late", async () => {
    const { timers, until } = manual();
    const ended: string[] = [];
    for (const [name, ms] of [
      ["long", 500],
      ["short", 20],
      ["middle", 100],
      ["short too", 20],
    ] as const)
      timers.after(ms, () => void ended.push(name));
    await until(19);
    expect(ended).toEqual([]);
    await until(20);
    expect(ended).toEqual(["short", "short too"]);
    await until(499);
    expect(ended).toEqual(["short", "short too", "middle"]);
    await until(500);
    expect(ended).toEqual(["short", "short too", "middle", "long"]);
  });

  it("never end once they are called off, even by one that ends with them, so that no finished call is stopped", async () => {
    const { timers, until } = manual();
    const ended: string[] = [];
    const callOff = timers.after(10, () => void ended.push("called off"));
    timers.after(5, () => {
      ended.push("first");
      second();
    });
    const second = timers.after(5, () => void ended.push("second"));
    callOff();
    callOff();
    await until(50);
    expect(ended).toEqual(["first"]);
  });

  it("set one timer for many calls, and none once nobody waits, so that they cost little and hold no process", async () => {
    const { timers, made, armedMs, until } = manual();
    const held = timers.after(30_000, () => {});
    for (let call = 0; call < 1_000; call++) timers.after(30_000, () => {})();
    expect(made.timers).toBe(1);
    held();
    expect(armedMs()).toBeNull();
    let ended = false;
    timers.after(7, () => {
      ended = true;
    });
    await until(30_007);
    expect(ended).toBe(true);
  });

  it("go on when one of them throws, so that a defect in one call stops no other's bound", async () => {
    const { timers, until } = manual();
    const thrown: unknown[] = [];
    const note = (cause: unknown) => void thrown.push(cause);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", note);
    let ended = false;
    try {
      timers.after(5, () => {
        throw new Error("planted");
      });
      timers.after(5, () => {
        ended = true;
      });
      await until(6);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.removeListener("uncaughtException", note);
      for (const other of others) process.on("uncaughtException", other);
    }
    expect([ended, String(thrown[0])]).toEqual([true, "Error: planted"]);
  });
});
