import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConfigProblem } from "../../shared/contracts/config/problem.ts";
import type { ActiveSnapshot } from "../../shared/contracts/ports/cell-store.ts";
import { ControlDbUnavailable } from "../../shared/contracts/ports/control-db.ts";
import { createTelemetry } from "../../shared/telemetry/create-telemetry.ts";
import { TestClock } from "../../test/support/objects-home.ts";
import { absentControlDb } from "../adapters/control-db/absent.ts";
import { randomIds } from "../adapters/ids/random.ts";
import { createApp } from "../app.ts";
import type { Deps, Runtime } from "../context.ts";
import { BodyRoom } from "../pipeline/body-room.ts";
import { ready } from "../v1/cell/health.ts";
import { Degradation } from "./degradation.ts";
import { dependenciesOf } from "./dependencies.ts";
import { createLifecycle } from "./lifecycle.ts";

type Probe = { ready: boolean; reason: string | null };
const never = <T>(): Promise<T> => new Promise(() => {});
const broken: ConfigProblem = { file: "models.yml", path: "models.fast.provider", message: "unknown provider" };

/** What `/readyz` asks of a cell, with everything in order until a test takes it away. */
function cell() {
  const clock = new TestClock();
  const ids = randomIds(clock);
  const world = {
    active: async (): Promise<ActiveSnapshot | null> => ({ digest: "d", activated_ms: clock.now(), revision: 1 }),
    database: async (): Promise<Probe> => ({ ready: true, reason: null }),
    problems: [] as ConfigProblem[],
  };
  const telemetry = createTelemetry({
    service: "test",
    cell: "local",
    sink: () => {},
    exporter: null,
    clock,
    ids,
    sample: { ratio: 0, followParent: false },
  });
  const config = { state: () => ({ digest: "d", problems: world.problems }) };
  const lifecycle = createLifecycle();
  const degradation = new Degradation(telemetry, config);
  // safe because: the probes call these members of the ports alone
  const asked = {
    db: { ready: () => world.database() },
    config,
    cellStore: { active: () => world.active() },
  } as unknown as Parameters<typeof dependenciesOf>[0];
  const deps = {
    cell: { loopback: true },
    clock,
    ids,
    telemetry,
    lifecycle,
    dependencies: dependenciesOf(asked),
    bodies: new BodyRoom(1),
    config: { current: () => ({}) },
  } as unknown as Deps; // safe because: the operation and the seam touch nothing else for it
  const handle = createApp(deps, [ready]);
  const runtime: Runtime = { source: null, disconnected: new AbortController().signal, defer() {} };
  return {
    world,
    lifecycle,
    degradation,
    telemetry,
    async readyz() {
      const response = await handle(new Request("http://cell/readyz"), runtime);
      const { status, missing, degraded } = await response.json();
      return { http: response.status, status, missing, degraded };
    },
  };
}
type Cell = ReturnType<typeof cell>;

const passed = (ms: number, work: Promise<unknown>) => vi.advanceTimersByTimeAsync(ms).then(() => work);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a cell is ready", () => {
  it("while everything answers, and names nothing", async () => {
    expect(await cell().readyz()).toEqual({ http: 200, status: "ready", missing: [], degraded: [] });
  });

  it("again as soon as what was missing is back", async () => {
    const { world, readyz } = cell();
    const { active } = world;
    world.active = async () => null;
    expect((await readyz()).http).toBe(503);
    world.active = active;
    expect(await readyz()).toMatchObject({ http: 200, status: "ready" });
  });
});

describe("a cell takes no traffic, and says why, when", () => {
  it.each<[string, (cell: Cell) => void, { name: string; reason: string }]>([
    [
      "its objects know of no active snapshot",
      ({ world }) => {
        world.active = async () => null;
      },
      { name: "objects", reason: "no snapshot is active" },
    ],
    [
      "its objects fail",
      ({ world }) => {
        world.active = async () => Promise.reject(new TypeError("secret path of the store"));
      },
      { name: "objects", reason: "TypeError" },
    ],
    [
      "its objects do not answer",
      ({ world }) => {
        world.active = never;
      },
      { name: "objects", reason: "no answer in 2000 ms" },
    ],
    ["it drains", ({ lifecycle }) => void lifecycle.drain(0, 0), { name: "cell", reason: "draining" }],
  ])("%s", async (_what, takeAway, missing) => {
    const broke = cell();
    takeAway(broke);
    const answer = broke.readyz();
    expect(await passed(2_000, answer)).toEqual({ http: 503, status: "unready", missing: [missing], degraded: [] });
  });

  it("several are away at once: each is named, required or not", async () => {
    const broke = cell();
    broke.world.active = never;
    broke.world.database = never;
    broke.world.problems = [broken];
    void broke.lifecycle.drain(0, 0);
    const silent = "no answer in 2000 ms";
    // The probes run side by side: the slowest decides how long it takes, not their sum.
    expect(await passed(2_000, broke.readyz())).toEqual({
      http: 503,
      status: "unready",
      missing: [
        { name: "objects", reason: silent },
        { name: "cell", reason: "draining" },
      ],
      degraded: [
        { name: "control-db", reason: silent },
        { name: "configuration", reason: "models.yml: models.fast.provider: unknown provider" },
      ],
    });
  });
});

describe("a cell goes on, degraded and named, when", () => {
  it.each<[string, (cell: Cell) => void, { name: string; reason: string }]>([
    [
      "its control database is not ready",
      ({ world }) => {
        world.database = async () => ({ ready: false, reason: "migrations are pending" });
      },
      { name: "control-db", reason: "migrations are pending" },
    ],
    [
      "its control database fails",
      ({ world }) => {
        world.database = async () => Promise.reject(new ControlDbUnavailable("10.0.0.1 refused"));
      },
      { name: "control-db", reason: "ControlDbUnavailable" },
    ],
    [
      "its control database does not answer",
      ({ world }) => {
        world.database = never;
      },
      { name: "control-db", reason: "no answer in 2000 ms" },
    ],
    [
      "it has no control database",
      ({ world }) => {
        world.database = () => absentControlDb.ready();
      },
      { name: "control-db", reason: expect.stringMatching(/./) },
    ],
    [
      "its newest configuration is broken",
      ({ world }) => {
        world.problems = [broken];
      },
      { name: "configuration", reason: "models.yml: models.fast.provider: unknown provider" },
    ],
  ])("%s", async (_what, takeAway, degraded) => {
    const broke = cell();
    takeAway(broke);
    const answer = broke.readyz();
    expect(await passed(2_000, answer)).toEqual({ http: 200, status: "degraded", missing: [], degraded: [degraded] });
  });

  it("its own work meets a control database that does not answer: the header and the metric name it until it does", async () => {
    const { degradation, telemetry, world } = cell();
    const gauge = 'bailiwick_dependency_degraded{dependency="control-db"}';
    await degradation.observe(Promise.reject(new ControlDbUnavailable("away"))).catch(() => {});
    expect(degradation.names()).toEqual(["control-db"]);
    expect(telemetry.exposition()).toContain(`${gauge} 1`);
    world.problems = [broken];
    expect(degradation.names()).toEqual(["control-db", "configuration"]);
    // A refused statement is an answer.
    await degradation.observe(Promise.reject(new Error("constraint"))).catch(() => {});
    expect(degradation.names()).toEqual(["configuration"]);
    expect(telemetry.exposition()).toContain(`${gauge} 0`);
  });
});
