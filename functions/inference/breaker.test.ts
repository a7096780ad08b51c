import { describe, expect, it } from "vitest";
import { Breakers, type Permit } from "./breaker.ts";
import { Latencies } from "./latency.ts";
import { RetryBudget } from "./retry-budget.ts";
import { testClock } from "./routing.fixture.ts";

const config = { failures: 3, cooldown_ms: 1_000 };
function setup() {
  const clock = testClock();
  const breakers = new Breakers(clock);
  const acquire = (): Permit => {
    const permit = breakers.acquire("e", config);
    if (!permit.ok) throw new Error(permit.error.reason);
    return permit.value;
  };
  const open = () => {
    for (let at = 0; at < config.failures; at++) acquire().fail();
  };
  return { clock, breakers, acquire, open };
}

describe("circuit breaker", () => {
  it("opens after failures in a row only, so single failures take nobody away", () => {
    const { breakers, acquire } = setup();
    for (const verdict of ["fail", "fail", "succeed", "fail", "fail"] as const) acquire()[verdict]();
    expect(breakers.state("e")).toBe("closed");
    acquire().fail();
    expect(breakers.acquire("e", config)).toEqual({
      ok: false,
      error: { reason: "breaker_open", retry_after_ms: 1_000 },
    });
    expect(breakers.states()).toEqual([{ engine: "e", state: "open", failures: 3 }]);
  });

  it("lets one single probe through when half-open, so a recovering engine is not stormed", () => {
    const { breakers, clock, acquire, open } = setup();
    open();
    clock.pass(1_000);
    expect(breakers.state("e")).toBe("half_open");
    const probe = acquire();
    expect(breakers.acquire("e", config)).toMatchObject({ ok: false });
    probe.succeed();
    expect(breakers.state("e")).toBe("closed");
    expect([acquire(), acquire()]).toHaveLength(2);
  });

  it("opens again for a whole cooldown when the probe fails", () => {
    const { breakers, clock, acquire, open } = setup();
    open();
    clock.pass(1_500);
    acquire().fail();
    clock.pass(999);
    expect(breakers.state("e")).toBe("open");
    clock.pass(1);
    expect(breakers.state("e")).toBe("half_open");
  });

  it("hands the probe on when nothing was learnt, and gives up one that never reports back", () => {
    const { breakers, clock, acquire, open } = setup();
    open();
    clock.pass(1_000);
    acquire().release();
    const lost = acquire();
    expect(breakers.state("e")).toBe("open");
    clock.pass(1_000);
    const next = acquire();
    lost.fail();
    next.succeed();
    expect(breakers.state("e")).toBe("closed");
  });

  it("ignores late news from before it turned, and a permit used twice", () => {
    const { breakers, clock, acquire, open } = setup();
    const early = acquire();
    open();
    early.succeed();
    expect(breakers.state("e")).toBe("open");
    clock.pass(1_000);
    const probe = acquire();
    probe.succeed();
    probe.fail();
    expect(breakers.states()[0]).toMatchObject({ state: "closed", failures: 0 });
  });

  it("forgets engines that the configuration dropped", () => {
    const { breakers, open } = setup();
    open();
    breakers.retain(new Set());
    expect(breakers.states()).toEqual([]);
  });
});

describe("retry budget", () => {
  it("stops retries at the share of the last minute's calls, so an outage is not doubled by us", () => {
    const clock = testClock();
    const budget = new RetryBudget(clock);
    const retries = (ratio: number, min_per_minute: number) => {
      let taken = 0;
      while (budget.tryRetry("p", { ratio, min_per_minute })) taken++;
      return taken;
    };
    expect(retries(0.1, 2)).toBe(2);
    for (let at = 0; at < 100; at++) budget.called("p");
    expect(retries(0.1, 2)).toBe(8);
    expect(retries(0, 0)).toBe(0);
    clock.pass(60_000);
    expect(retries(0.1, 2)).toBe(2);
    budget.retain(new Set());
    expect(retries(0.1, 3)).toBe(3);
  });
});

describe("latencies", () => {
  it("follow the newest samples and forget what is stale, so a slow hour does not banish an engine", () => {
    const clock = testClock();
    const latencies = new Latencies(clock);
    expect(latencies.get("c")).toBeNull();
    latencies.observe("c", 100);
    latencies.observe("c", 200);
    expect(latencies.get("c")).toBe(120);
    clock.pass(600_001);
    expect(latencies.get("c")).toBeNull();
    latencies.observe("c", 300);
    expect(latencies.get("c")).toBe(300);
  });

  it("keep a bounded number of candidates, oldest out", () => {
    const latencies = new Latencies(testClock());
    for (let at = 0; at <= 1_000; at++) latencies.observe(`c${at}`, 1);
    expect([latencies.get("c0"), latencies.get("c1"), latencies.get("c1000")]).toEqual([null, 1, 1]);
  });
});
