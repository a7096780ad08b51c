import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { systemClock } from "../adapters/clock/system.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { afterwards, controlDbUpkeep } from "./workerd-upkeep.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("work that waits for no call", () => {
  const context = () => {
    const kept: Promise<unknown>[] = [];
    return { kept, waitUntil: (work: Promise<unknown>) => void kept.push(work) };
  };

  it("runs once for all that asked before it, and is kept alive by the request that began it", async () => {
    const work = vi.fn(async () => {});
    const later = afterwards(Date.now, 1_000, work);
    const first = context();
    const second = context();
    later(first);
    later(second);
    expect([first.kept.length, second.kept.length]).toEqual([1, 0]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(work).toHaveBeenCalledTimes(1);
    await first.kept[0];
  });

  it("runs again for what is asked during a run, so that nothing waits for a request that never comes", async () => {
    const running = Promise.withResolvers<void>();
    const work = vi.fn(() => running.promise);
    const later = afterwards(Date.now, 1_000, work);
    later(context());
    await vi.advanceTimersByTimeAsync(1_000);
    later(context());
    await vi.advanceTimersByTimeAsync(1_000);
    expect(work).toHaveBeenCalledTimes(2);
    running.resolve();
  });

  it("is taken over when the request that began it was cut off", () => {
    const later = afterwards(Date.now, 1_000, async () => {});
    later({ waitUntil: () => {} });
    vi.setSystemTime(Date.now() + 31_000);
    const next = context();
    later(next);
    expect(next.kept).toHaveLength(1);
  });
});

describe("upkeep of the control database", () => {
  const parts = () => {
    const lines: string[] = [];
    const clock = systemClock;
    const telemetry = createTelemetry({
      service: "test",
      cell: "local",
      sink: (line) => lines.push(line),
      exporter: null,
      clock,
      ids: randomIds(clock),
      sample: { ratio: 0, followParent: false },
    });
    return {
      lines,
      telemetry,
      migrate: vi.fn(async () => {}),
      drain: vi.fn(async () => {}),
      prune: vi.fn(async () => true),
    };
  };

  it("asks to run again while old rows are left, so that they go although no clock wakes an isolate", async () => {
    const given = parts();
    given.prune.mockResolvedValueOnce(false);
    const upkeep = controlDbUpkeep(given);
    expect([await upkeep(), await upkeep()]).toEqual([false, true]);
    given.prune.mockRejectedValueOnce(new Error("bug"));
    expect(await upkeep()).toBe(false);
    expect(given.lines.map((line) => JSON.parse(line))).toMatchObject([{ level: "error", event: "control-db.prune" }]);
  });

  it("brings the schema up to date once, and drains each time", async () => {
    const given = parts();
    const upkeep = controlDbUpkeep(given);
    expect([await upkeep(), await upkeep()]).toEqual([true, true]);
    expect([given.migrate.mock.calls.length, given.drain.mock.calls.length]).toEqual([1, 2]);
    expect(given.lines).toEqual([]);
  });

  it("says that the database is away, never fails a request for it, and tries the schema again", async () => {
    const given = parts();
    given.migrate.mockRejectedValueOnce(
      new ControlDbUnavailable("away", { cause: Object.assign(new Error("of user bw"), { code: "28P01" }) }),
    );
    const upkeep = controlDbUpkeep(given);
    expect(await upkeep()).toBe(false);
    const [line = ""] = given.lines;
    expect(JSON.parse(line)).toMatchObject({ event: "control-db.unavailable", step: "migrate", code: "28P01" });
    expect([given.lines.length, line.includes("of user bw")]).toEqual([1, false]);
    expect(await upkeep()).toBe(true);
    expect([given.migrate.mock.calls.length, given.drain.mock.calls.length]).toEqual([2, 1]);
  });

  it("logs a fault of its own as an error, with the step that failed", async () => {
    const given = parts();
    given.drain.mockRejectedValueOnce(new Error("bug"));
    await controlDbUpkeep(given)();
    expect(given.lines.map((line) => JSON.parse(line))).toMatchObject([{ level: "error", event: "control-db.drain" }]);
  });
});
