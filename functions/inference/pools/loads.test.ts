import { describe, expect, it } from "vitest";
import type { UnixMs } from "../../../shared/contracts/ids.ts";
import type { PoolState } from "../../../shared/contracts/pool-load.ts";
import type { Call, Deps } from "../../context.ts";
import { candidate, provider } from "../routing.fixture.ts";
import { noRoute, poolRefusals } from "./loads.ts";

const offer = (id: string, kind: "pool" | "openai" = "pool") => {
  const [name = ""] = id.split(":");
  return { candidate: candidate(id), provider: provider(name, { kind, ...(kind === "pool" ? { pool: name } : {}) }) };
};
const NOW = 1_000_000;
const CALL = {
  snapshot: { pools: {} },
  deadline: (NOW + 600_000) as UnixMs, // safe because: milliseconds
} as Call; // safe because: nothing else of it is read

/** A pool of one slot that takes a second for each task. */
function cell(served: readonly string[] = ["gpu:a"]) {
  const read = { count: 0 };
  const sent = new Map<string, Set<string>>();
  const states = served.map((id): PoolState => {
    const [pool = "", model = ""] = id.split(":");
    const load = { workers: 1, capacity: 1, running: 0, waiting: 0, service_ms: 1_000 };
    return { pool, connected: 1, ...load, models: [{ id: model, digest: null, ...load }], queues: [] };
  });
  const deps = {
    clock: { now: () => NOW },
    router: { random: () => 0.5 },
    poolWatch: {
      async states() {
        read.count++;
        return states;
      },
      newer: async () => null,
      sent: ({ pool }: { pool: string }, task: string) => void sent.set(pool, (sent.get(pool) ?? new Set()).add(task)),
      sentTo: (pool: string, task: string) => ({
        interactive: [...(sent.get(pool) ?? [])].filter((one) => one !== task).length,
        batch: 0,
      }),
    },
  } as unknown as Deps; // safe because: the functions under test touch nothing else
  return { deps, read, counted: () => Object.fromEntries([...sent].map(([pool, tasks]) => [pool, tasks.size])) };
}
let tasks = 0;
const asked = async (deps: Deps, offers: ReturnType<typeof offer>[], call: Call = CALL) =>
  [...(await poolRefusals(deps, { ...call, task: call.task ?? `task_${tasks++}` } as Call, offers))].map(
    ([id, { reason }]) => `${id} ${reason}`,
  );

describe("calls and pools", () => {
  it("reads nothing for a call that no pool could take, so that the direct lane costs what it did", async () => {
    const { deps, read } = cell();
    expect(await asked(deps, [offer("near:a", "openai")])).toEqual([]);
    expect(read.count).toBe(0);
  });

  it("lets no more calls of one moment wait than the pool's patience has room for", async () => {
    const { deps } = cell();
    const answers = await Promise.all(Array.from({ length: 200 }, () => asked(deps, [offer("gpu:a")])));
    const taken = answers.filter((refused) => refused.length === 0).length;
    // A minute at a second each, and the one that runs.
    expect(taken).toBe(61);
    expect(answers.at(-1)).toEqual(["gpu:a pool_overloaded"]);
  });

  it("does not refuse the call that it let in, when that is planned anew, so that nobody stands in their own way", async () => {
    const { deps } = cell();
    const call = { ...CALL, task: "task_again", deadline: (NOW + 1_500) as UnixMs } as Call; // safe because: as above
    for (let plan = 0; plan < 5; plan++) expect(await asked(deps, [offer("gpu:a")], call)).toEqual([]);
    await asked(deps, [offer("gpu:a")]);
    expect(await asked(deps, [offer("gpu:a")], { ...call, task: "task_other" } as Call)).toEqual([
      "gpu:a pool_overloaded",
    ]);
  });

  it("finds a worker that came to another edge a moment ago, so that no call is refused for want of one that is there", async () => {
    const { deps, counted } = cell([]);
    const there = cell().deps;
    Object.assign(deps.poolWatch, { newer: () => there.poolWatch.states() });
    expect(await asked(deps, [offer("gpu:a")])).toEqual([]);
    expect(counted()).toEqual({ gpu: 1 });
    Object.assign(deps.poolWatch, { newer: async () => [] });
    expect(await asked(deps, [offer("gpu:a")])).toEqual(["gpu:a pool_unavailable"]);
  });

  it("counts nothing to a pool that is not the first choice", async () => {
    const { deps, counted } = cell();
    await asked(deps, [offer("near:a", "openai"), offer("gpu:a")]);
    await asked(deps, [offer("cpu:a"), offer("gpu:a")]);
    expect(counted()).toEqual({ gpu: 1 });
  });

  it("asks of a run only whether its worker is there, whatever the load", async () => {
    const { deps, read } = cell([]);
    const run = (pool: string | null) => ({ ...CALL, run: { pool, confirm: async () => {} } }) as Call; // safe because: as above
    const offers = [offer("gpu:a"), offer("cpu:a"), offer("near:a", "openai")];
    expect(await asked(deps, offers, run("gpu"))).toEqual(["cpu:a pool_unavailable"]);
    expect(await asked(deps, offers, run(null))).toEqual(["gpu:a pool_unavailable", "cpu:a pool_unavailable"]);
    expect(read.count).toBe(0);
  });

  it("refuses nobody for what cannot be known: the job waits in its queue", async () => {
    const { deps } = cell();
    Object.assign(deps.poolWatch, { states: async () => null });
    expect(await asked(deps, [offer("gpu:a")])).toEqual([]);
  });

  it("answers a call without a route by the pool that is free first, and 503 where no worker is there at all", () => {
    const { deps } = cell();
    const rejected = ["gpu:a", "cpu:a", "near:a"].map(
      (id) => ({ candidate: id, outcome: "rejected", reason: "x" }) as const,
    );
    const refusals = new Map([
      ["gpu:a", { reason: "pool_overloaded", retry_after_ms: 20_000 }],
      ["cpu:a", { reason: "pool_overloaded", retry_after_ms: 8_000 }],
      ["tpu:a", { reason: "pool_overloaded", retry_after_ms: 1 }],
    ] as const);
    const busy = noRoute(deps, refusals, rejected);
    expect([busy.slug, busy.extensions.retryAfterMs]).toEqual(["pool-overloaded", 7_000]);
    const away = new Map([["cpu:a", { reason: "pool_unavailable", retry_after_ms: 5_000 }]] as const);
    expect(noRoute(deps, away, rejected).slug).toBe("pool-unavailable");
    expect(noRoute(deps, new Map(), rejected).slug).toBe("no-route");
  });
});
