import fc from "fast-check";
import { expect, it } from "vitest";
import { STRATEGIES } from "../../shared/contracts/config/snapshot.ts";
import { PRIVACY_MODES } from "../../shared/contracts/decision.ts";
import { candidatesFor } from "./candidates.ts";
import { planRoute } from "./plan.ts";
import { routeRecord } from "./route-record.ts";
import { alias, asked, candidate, intent, provider, snapshotOf } from "./routing.fixture.ts";

const PROVIDERS = ["p0", "p1", "p2", "p3"];
const route = fc.constantFrom("local" as const, "api" as const, "hybrid" as const);
const names = fc.subarray(PROVIDERS);

const providerRow = (name: string) =>
  fc.record({
    configured: fc.boolean(),
    row: fc
      .record({
        locality: fc.constantFrom("local" as const, "api" as const),
        kind: fc.constantFrom("openai" as const, "synthetic" as const),
        jurisdiction: fc.constantFrom("eu", "eu", "eu", "us"),
        secret_missing: fc.boolean(),
      })
      .map((members) => provider(name, members)),
  });
const candidateRow = (at: number) =>
  fc
    .record({
      provider: fc.constantFrom(...PROVIDERS),
      tier: fc.constantFrom(0 as const, 1 as const, 2 as const),
      tools: fc.boolean(),
      weight: fc.integer({ min: 1, max: 9 }),
      cost: fc.integer({ min: 0, max: 3 }),
      latency: fc.option(fc.integer({ min: 1, max: 3 })),
    })
    .map(({ cost, latency, ...members }) => ({ cost, latency, row: candidate(`${members.provider}:m${at}`, members) }));

const scene = fc.record({
  providers: fc.tuple(...PROVIDERS.map(providerRow)),
  candidates: fc.tuple(...[0, 1, 2, 3, 4, 5, 6].map(candidateRow)),
  listed: fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6], { minLength: 1 }),
  strategy: fc.constantFrom(...STRATEGIES),
  intent: fc.record({
    default_route: fc.constantFrom("auto" as const, "local" as const, "api" as const, "hybrid" as const),
    routes: fc.uniqueArray(route, { minLength: 1 }),
    privacy: fc.constantFrom(...PRIVACY_MODES),
    tiers: fc.subarray([0 as const, 1 as const, 2 as const], { minLength: 1 }),
  }),
  model: fc.constantFrom("named", "auto", "purpose"),
  intentAsked: fc.boolean(),
  privacy: fc.constantFrom(...PRIVACY_MODES),
  tools: fc.boolean(),
  policies: fc.record({
    providers_deny: names,
    providers_allow: fc.option(names),
    fallback_order: fc.uniqueArray(route),
  }),
  approved: fc.option(fc.subarray([0, 1, 2, 3, 4, 5, 6])),
  open: names,
  busy: fc.subarray([0, 1, 2, 3, 4, 5, 6], { maxLength: 3 }),
  hopsMax: fc.integer({ min: 1, max: 7 }),
  random: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

function run(given: Scene) {
  const rows = given.candidates.map(({ row }) => row);
  const listed = given.listed.flatMap((at) => rows[at]?.id ?? []);
  const snapshot = snapshotOf({
    providers: given.providers.filter(({ configured }) => configured).map(({ row }) => row),
    candidates: rows,
    aliases: [alias("named", listed, { strategy: given.strategy })],
    intents: [intent("purpose", given.intent)],
    policies: given.policies,
  });
  const facts = new Map(given.candidates.map((fact) => [fact.row.id, fact]));
  const approved = given.approved === null ? null : given.approved.flatMap((at) => rows[at]?.id ?? []);
  const named = given.model === "named" ? listed : rows.map(({ id }) => id);
  const offered = candidatesFor(
    snapshot,
    null,
    asked({
      model: given.model,
      intent: given.intentAsked ? "purpose" : null,
      privacy: given.privacy,
      features: { tools: given.tools, images: false, structured_output: false },
    }),
  );
  const plan = offered.ok
    ? planRoute({
        offered: offered.value,
        approved,
        excluded: [],
        policies: snapshot.policies,
        breaker: (name) => (given.open.includes(name) ? "open" : "closed"),
        pool: (id) => (given.busy.some((at) => rows[at]?.id === id) ? "pool_overloaded" : null),
        hopsMax: given.hopsMax,
        random: () => given.random,
        latencyMs: (id) => facts.get(id)?.latency ?? null,
        costNusd: ({ id }) => facts.get(id)?.cost ?? 0,
      })
    : null;
  const hops = plan?.ok ? plan.value.hops : [];
  const rejected =
    plan === null
      ? !offered.ok && "rejected" in offered.error
        ? offered.error.rejected
        : []
      : plan.ok
        ? plan.value.rejected
        : plan.error.rejected;
  return { snapshot, named, approved, offered, plan, hops, rejected, facts };
}
const holds = (check: (given: Scene, result: ReturnType<typeof run>) => void) =>
  fc.assert(
    fc.property(scene, (given) => check(given, run(given))),
    { numRuns: 1_000 },
  );

it("plans only what policy approved and configuration allows, so a fallback never widens a decision", () => {
  holds(({ policies, open }, { hops, approved, offered }) => {
    for (const { candidate, provider } of hops) {
      expect(approved === null || approved.includes(candidate.id)).toBe(true);
      expect(offered.ok && offered.value.offers.some((offer) => offer.candidate === candidate)).toBe(true);
      expect(policies.providers_deny).not.toContain(provider.name);
      if (policies.providers_allow !== null) expect(policies.providers_allow).toContain(provider.name);
      expect(provider.jurisdiction).toBe("eu");
      expect(open).not.toContain(provider.name);
    }
  });
});

it("never plans an external provider under local-only, so confidential input stays on our own pools", () => {
  holds((given, { hops, offered }) => {
    const applies =
      given.privacy === "local-only" ||
      (given.intent.privacy === "local-only" && (given.intentAsked || given.model === "purpose"));
    if (!applies) return;
    expect(hops.every(({ provider }) => provider.locality === "local")).toBe(true);
    if (offered.ok) expect(offered.value.offers.every(({ provider }) => provider.locality === "local")).toBe(true);
  });
});

it("reaches an external provider under hybrid only behind our own pool and marked for redaction", () => {
  holds((_given, { hops, offered, approved }) => {
    if (!offered.ok || !offered.value.localFirst) return;
    const firstApi = hops.findIndex(({ provider }) => provider.locality === "api");
    if (firstApi < 0) return;
    expect(hops.slice(firstApi).every(({ route }) => route === "hybrid")).toBe(true);
    expect(hops.slice(0, firstApi).every(({ route }) => route === "local")).toBe(true);
    const ownPool = offered.value.offers.filter(({ provider }) => provider.locality === "local");
    expect(ownPool.some(({ candidate }) => approved === null || approved.includes(candidate.id))).toBe(true);
  });
});

it("ends every candidate in exactly one of chosen and rejected with a reason, so every route can be explained", () => {
  holds((_given, { hops, rejected, named, plan }) => {
    const ended = [...hops.map(({ candidate }) => candidate.id), ...rejected.map(({ candidate }) => candidate)];
    expect(ended.toSorted()).toEqual(named.toSorted());
    expect(rejected.every(({ reason, outcome }) => reason.length > 0 && outcome === "rejected")).toBe(true);
    if (plan?.ok) {
      const record = routeRecord(plan.value, [
        { candidate: plan.value.hops[0].candidate.id, outcome: "chosen", reason: "first" },
      ]);
      expect(record.reasons.map(({ candidate }) => candidate).toSorted()).toEqual(named.toSorted());
      expect(record.reasons.filter(({ outcome }) => outcome === "chosen")).toHaveLength(1);
    }
  });
});

it("keeps the strategy's order inside what an alias may use", () => {
  holds((given, { hops, named, facts, offered }) => {
    if (given.model !== "named" || !offered.ok) return;
    const groups = offered.value.localFirst
      ? [hops.filter(({ route }) => route === "local"), hops.filter(({ route }) => route !== "local")]
      : [hops];
    for (const ids of groups.map((group) => group.map(({ candidate }) => candidate.id))) {
      const position = (id: string) => named.indexOf(id);
      const key = {
        ordered: () => 0,
        weighted: null,
        cost: (id: string) => facts.get(id)?.cost ?? 0,
        "least-latency": (id: string) => facts.get(id)?.latency ?? -1,
      }[given.strategy];
      if (key === null) continue;
      expect(ids).toEqual(ids.toSorted((a, b) => key(a) - key(b) || position(a) - position(b)));
    }
  });
});

it("draws the weighted strategy's first choice as often as its weight says", () => {
  const offers = [1, 2, 7].map((weight, at) => ({
    candidate: candidate(`own:m${at}`, { weight }),
    provider: provider("own"),
  }));
  const snapshot = snapshotOf({
    providers: [provider("own")],
    candidates: offers.map((offer) => offer.candidate),
    aliases: [alias("named", ["own:m0", "own:m1", "own:m2"], { strategy: "weighted" })],
  });
  const offered = candidatesFor(snapshot, null, asked({ model: "named" }));
  if (!offered.ok) throw new Error("nothing offered");
  const counts: Record<string, number> = {};
  for (let at = 0; at < 1_000; at++) {
    const plan = planRoute({
      offered: offered.value,
      approved: null,
      excluded: [],
      policies: snapshot.policies,
      breaker: () => "closed",
      pool: () => null,
      hopsMax: 1,
      random: () => at / 1_000,
      latencyMs: () => null,
      costNusd: () => 0,
    });
    const first = plan.ok ? plan.value.hops[0].candidate.id : "none";
    counts[first] = (counts[first] ?? 0) + 1;
  }
  expect(counts).toEqual({ "own:m0": 100, "own:m1": 200, "own:m2": 700 });
});
