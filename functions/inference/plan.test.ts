import { describe, expect, it } from "vitest";
import type { Snapshot, Strategy } from "../../shared/contracts/config/snapshot.ts";
import { type Asked, candidatesFor } from "./candidates.ts";
import { type PlanInput, planRoute } from "./plan.ts";
import { routeRecord } from "./route-record.ts";
import { alias, asked, candidate, intent, provider, snapshotOf } from "./routing.fixture.ts";

const PARTS = {
  providers: [provider("own", { locality: "local" }), provider("cloud"), provider("other")],
  candidates: [
    candidate("cloud:b", { tier: 0, weight: 1 }),
    candidate("own:a", { tier: 1, weight: 3 }),
    candidate("other:c", { tier: 2, weight: 6 }),
  ],
};
interface Setting {
  ask?: Partial<Asked>;
  policies?: Partial<Snapshot["policies"]>;
  strategy?: Strategy;
  input?: Partial<PlanInput>;
  intents?: ReturnType<typeof intent>[];
}
function planned({ ask = {}, policies = {}, strategy = "ordered", input = {}, intents = [] }: Setting) {
  const snapshot = snapshotOf({
    ...PARTS,
    intents,
    policies,
    aliases: [alias("all", ["cloud:b", "own:a", "other:c"], { strategy })],
  });
  const offered = candidatesFor(snapshot, null, asked({ model: "all", ...ask }));
  if (!offered.ok) throw new Error(offered.error.reason);
  return planRoute({
    offered: offered.value,
    approved: null,
    excluded: [],
    policies: snapshot.policies,
    breaker: () => "closed",
    pool: () => null,
    hopsMax: 4,
    random: () => 0,
    latencyMs: () => null,
    costNusd: () => 0,
    ...input,
  });
}
const chain = (setting: Setting): string[] => {
  const plan = planned(setting);
  return plan.ok ? plan.value.hops.map(({ candidate, route }) => `${candidate.id} ${route}`) : [];
};
const reasons = (setting: Setting): Record<string, string> => {
  const plan = planned(setting);
  const rejected = plan.ok ? plan.value.rejected : plan.error.rejected;
  return Object.fromEntries(rejected.map((row) => [row.candidate, row.reason]));
};

describe("an alias orders its own candidates", () => {
  it("ordered: as listed", () => {
    expect(chain({})).toEqual(["cloud:b api", "own:a local", "other:c api"]);
  });

  it("weighted: by weight under the injected chance, so a simulation repeats", () => {
    expect(chain({ strategy: "weighted", input: { random: () => 0 } })).toEqual([
      "cloud:b api",
      "own:a local",
      "other:c api",
    ]);
    expect(chain({ strategy: "weighted", input: { random: () => 0.2 } })).toEqual([
      "own:a local",
      "other:c api",
      "cloud:b api",
    ]);
    expect(chain({ strategy: "weighted", input: { random: () => 0.99 } })).toEqual([
      "other:c api",
      "own:a local",
      "cloud:b api",
    ]);
  });

  it("least-latency: fastest first, unmeasured before all so that each gets measured", () => {
    const latency: Record<string, number> = { "cloud:b": 300, "own:a": 100 };
    expect(chain({ strategy: "least-latency", input: { latencyMs: (id) => latency[id] ?? null } })).toEqual([
      "other:c api",
      "own:a local",
      "cloud:b api",
    ]);
  });

  it("cost: cheapest first", () => {
    const cost: Record<string, number> = { "cloud:b": 30, "own:a": 20, "other:c": 10 };
    expect(chain({ strategy: "cost", input: { costNusd: ({ id }) => cost[id] ?? 0 } })).toEqual([
      "other:c api",
      "own:a local",
      "cloud:b api",
    ]);
  });
});

describe("auto and intents follow routes", () => {
  it("takes the fallback order, whatever the tiers say", () => {
    expect(chain({ ask: { model: "auto" } })).toEqual(["own:a local", "cloud:b api", "other:c api"]);
    expect(chain({ ask: { model: "auto" }, policies: { fallback_order: ["api", "local"] } })).toEqual([
      "cloud:b api",
      "other:c api",
      "own:a local",
    ]);
  });

  it("takes the intent's own route first", () => {
    expect(chain({ ask: { model: "ext" }, intents: [intent("ext", { default_route: "api" })] })[0]).toBe("cloud:b api");
  });

  it("puts what misses its latency target behind the others of its route", () => {
    const setting = {
      ask: { model: "auto" },
      policies: { p95_ms: { api: 100 } },
      input: { latencyMs: (id: string) => (id === "cloud:b" ? 500 : 50) },
    };
    expect(chain(setting)).toEqual(["own:a local", "other:c api", "cloud:b api"]);
  });

  it("uses no route that the fallback order leaves out", () => {
    const setting = { ask: { model: "auto" }, policies: { fallback_order: ["local" as const] } };
    expect(chain(setting)).toEqual(["own:a local"]);
    expect(reasons(setting)).toEqual({ "cloud:b": "fallback_not_allowed", "other:c": "fallback_not_allowed" });
  });
});

describe("privacy", () => {
  it("local-only: the chain has our own pool alone, so no external adapter is ever built", () => {
    expect(chain({ ask: { privacy: "local-only" } })).toEqual(["own:a local"]);
  });

  it("hybrid: our own pool comes first whatever the strategy, and the rest are marked for redaction", () => {
    expect(chain({ ask: { privacy: "hybrid" } })).toEqual(["own:a local", "cloud:b hybrid", "other:c hybrid"]);
  });

  it("hybrid: falls back when our own pool is down, but not when policy did not approve it", () => {
    const down = {
      ask: { privacy: "hybrid" as const },
      input: { breaker: (name: string) => (name === "own" ? ("open" as const) : ("closed" as const)) },
    };
    expect(chain(down)).toEqual(["cloud:b hybrid", "other:c hybrid"]);
    const away = (id: string) => (id === "own:a" ? ("pool_unavailable" as const) : null);
    expect(chain({ ...down, input: { pool: away } })).toEqual(["cloud:b hybrid", "other:c hybrid"]);
    const refused = { ask: { privacy: "hybrid" as const }, input: { approved: ["cloud:b"] } };
    expect(reasons(refused)).toEqual({ "own:a": "policy", "other:c": "policy", "cloud:b": "no_local_first" });
  });

  it("hybrid: stays on our own pool when the fallback order leaves hybrid out", () => {
    expect(chain({ ask: { privacy: "hybrid" }, policies: { fallback_order: ["local", "api"] } })).toEqual([
      "own:a local",
    ]);
  });
});

it("names policy, budget, breaker and length as reasons, and an empty approval leaves nothing", () => {
  const excluded = [{ candidate: "cloud:b", outcome: "rejected" as const, reason: "task_budget_too_small" }];
  expect(reasons({ input: { approved: ["own:a", "cloud:b"], excluded } })).toEqual({
    "cloud:b": "task_budget_too_small",
    "other:c": "policy",
  });
  expect(reasons({ input: { breaker: (name) => (name === "cloud" ? "open" : "half_open") } })).toEqual({
    "cloud:b": "breaker_open",
  });
  const busy = (id: string) => (id === "own:a" ? ("pool_overloaded" as const) : null);
  expect(reasons({ input: { pool: busy } })).toEqual({ "own:a": "pool_overloaded" });
  expect(reasons({ input: { hopsMax: 1 } })).toEqual({ "own:a": "too_many_hops", "other:c": "too_many_hops" });
  expect(planned({ input: { approved: [] } })).toMatchObject({ ok: false, error: { reason: "no_route" } });
});

it("keeps an alias to its first choice when the cell allows no fallback", () => {
  const setting = { policies: { fallback_order: [] } };
  expect(chain(setting)).toEqual(["cloud:b api"]);
  expect(reasons(setting)).toEqual({ "own:a": "fallback_not_allowed", "other:c": "fallback_not_allowed" });
});

it("records every candidate once with what happened to it, so the route can be explained later", () => {
  const plan = planned({ input: { approved: ["cloud:b", "own:a"] } });
  if (!plan.ok) throw new Error("no plan");
  const record = routeRecord(plan.value, [
    { candidate: "cloud:b", outcome: "failed", reason: "unreachable" },
    { candidate: "cloud:b", outcome: "failed", reason: "timeout" },
    { candidate: "own:a", outcome: "chosen", reason: "fallback" },
  ]);
  expect(record).toEqual({
    route: "local",
    lane: "direct",
    chosen_by: "strategy:ordered",
    provider: "own",
    model: "a",
    model_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    reasons: [
      { candidate: "cloud:b", outcome: "failed", reason: "timeout" },
      { candidate: "own:a", outcome: "chosen", reason: "fallback" },
      { candidate: "other:c", outcome: "rejected", reason: "policy" },
    ],
  });
  expect(routeRecord(plan.value, []).reasons.map(({ reason }) => reason)).toEqual([
    "not_needed",
    "not_needed",
    "policy",
  ]);
});
