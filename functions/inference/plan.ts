import type { Candidate, ProviderConfig, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";
import type { Route, RouteReason } from "../../shared/contracts/task.ts";
import type { BreakerState } from "./breaker.ts";
import type { Offer, Offered } from "./candidates.ts";
import type { PoolRefusal } from "./pools/exclude.ts";
import { orderBy, type StrategyFacts } from "./strategies.ts";

export interface PlanInput extends StrategyFacts {
  offered: Offered;
  /** Policy's subset by candidate id; null: all that were offered. Empty: none. */
  approved: readonly string[] | null;
  /** Further candidates that fell out on the way, such as those that the task's budget cannot pay. */
  excluded: readonly RouteReason[];
  policies: Pick<Snapshot["policies"], "fallback_order" | "p95_ms">;
  breaker(provider: string): BreakerState;
  /** Why no worker of its pool takes the candidate now; null: one does, or it needs none. */
  pool(candidate: string): PoolRefusal["reason"] | null;
  hopsMax: number;
}

/** One candidate of the chain. The next is tried only while nothing was delivered. */
export interface Hop {
  candidate: Candidate;
  provider: ProviderConfig;
  /** `hybrid`: an external provider behind our own pool; only after the redaction that this privacy mode demands. */
  route: Route;
}

/** The chain, and a reason for every candidate that is not in it. */
export interface Plan {
  hops: readonly [Hop, ...Hop[]];
  rejected: readonly RouteReason[];
  /** Which rule put the first hop first. */
  chosenBy: string;
}

/** Orders what policy approved; adds nothing to it. Pure: health, latencies, cost and chance are given. */
export function planRoute(input: PlanInput): Result<Plan, { reason: "no_route"; rejected: readonly RouteReason[] }> {
  const { offered, policies, hopsMax } = input;
  const excluded = new Set(input.excluded.map(({ candidate }) => candidate));
  const rejected: RouteReason[] = [...offered.rejected, ...input.excluded];
  const reject = ({ candidate }: Offer, reason: string) =>
    void rejected.push({ candidate: candidate.id, outcome: "rejected", reason });
  const approved: Offer[] = [];
  for (const offer of offered.offers) {
    if (excluded.has(offer.candidate.id)) continue;
    if (input.approved !== null && !input.approved.includes(offer.candidate.id)) reject(offer, "policy");
    else approved.push(offer);
  }
  // Our own pool must be approved, not healthy: that it is down is what the fallback hop is for.
  const ownPool = approved.some(({ provider }) => provider.locality === "local");
  const usable = approved.filter((offer) => {
    const pool = input.pool(offer.candidate.id);
    if (offered.localFirst && offer.provider.locality === "api" && !ownPool) reject(offer, "no_local_first");
    else if (pool !== null) reject(offer, pool);
    else if (input.breaker(offer.provider.name) === "open") reject(offer, "breaker_open");
    else return true;
    return false;
  });
  const ordered = offered.order === "listed" ? listedOrder(input, usable) : routesOrder(input, usable);
  const hops: Hop[] = [];
  for (const { candidate, provider } of ordered) {
    const route: Route = provider.locality === "local" ? "local" : offered.localFirst ? "hybrid" : "api";
    const first = hops.length === 0 && route !== "hybrid" && offered.order === "listed";
    if (!first && !inFallbackOrder(route, hops, policies.fallback_order, offered))
      reject({ candidate, provider }, "fallback_not_allowed");
    else if (hops.length >= hopsMax) reject({ candidate, provider }, "too_many_hops");
    else hops.push({ candidate, provider, route });
  }
  const [first, ...rest] = hops;
  if (first === undefined) return err({ reason: "no_route", rejected });
  return ok({ hops: [first, ...rest], rejected, chosenBy: chosenBy(offered) });
}

/** An alias says itself in which order its candidates come; only hybrid routes put our own pool first. */
function listedOrder(input: PlanInput, usable: readonly Offer[]): Offer[] {
  const ordered = orderBy(input.offered.strategy, usable, input);
  if (!input.offered.localFirst) return ordered;
  const local = (offer: Offer) => offer.provider.locality === "local";
  return [...ordered.filter(local), ...ordered.filter((offer) => !local(offer))];
}

/** The intent's route first, then the cell's fallback order; inside a route by tier, those that miss its latency last. */
function routesOrder(input: PlanInput, usable: readonly Offer[]): Offer[] {
  const { offered, policies } = input;
  const ordered = orderBy(offered.strategy, usable, input);
  const within = (locality: "local" | "api"): Offer[] => {
    const group = ordered.filter(({ provider }) => provider.locality === locality);
    const p95 = policies.p95_ms[locality];
    const slow = ({ candidate }: Offer) => p95 !== undefined && (input.latencyMs(candidate.id) ?? 0) > p95;
    return [...group.filter((offer) => !slow(offer)), ...group.filter(slow)];
  };
  const chain = new Set<Offer>();
  for (const route of routeOrder(offered, policies.fallback_order))
    for (const locality of LOCALITIES[route]) for (const offer of within(locality)) chain.add(offer);
  for (const offer of ordered) chain.add(offer);
  return [...chain];
}
const LOCALITIES: Record<Route, ("local" | "api")[]> = { local: ["local"], api: ["api"], hybrid: ["local", "api"] };

/** Routes in the order in which they are tried; under hybrid privacy our own pool cannot come second. */
function routeOrder({ intent, routes, localFirst }: Offered, fallback: readonly Route[]): Route[] {
  const preferred = intent && intent.default_route !== "auto" ? [intent.default_route] : [];
  const wanted = [...preferred, ...fallback].filter((route) => routes.includes(route));
  return localFirst ? ["local", ...wanted.filter((route) => route !== "api")] : wanted;
}

function inFallbackOrder(
  route: Route,
  hops: readonly Hop[],
  fallback: readonly Route[],
  { intent, routes, order }: Offered,
): boolean {
  const listed =
    order === "routes" && intent && intent.default_route !== "auto" ? [intent.default_route, ...fallback] : fallback;
  const allowed = (wanted: Route) => listed.includes(wanted) && routes.includes(wanted);
  switch (route) {
    case "local":
      return allowed("local") || allowed("hybrid");
    case "api":
      return allowed("api") || (allowed("hybrid") && hops.some((hop) => hop.route === "local"));
    case "hybrid":
      return allowed("hybrid");
  }
}

const chosenBy = ({ order, strategy, intent }: Offered): string => {
  if (order === "listed") return `strategy:${strategy}`;
  return intent && intent.default_route !== "auto" ? `intent:${intent.default_route}` : "fallback_order";
};
