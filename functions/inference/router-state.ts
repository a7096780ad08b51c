import type { Snapshot } from "../../shared/contracts/config/snapshot.ts";
import type { Clock } from "../../shared/contracts/ports/clock.ts";
import { Breakers } from "./breaker.ts";
import { Latencies } from "./latency.ts";
import { RetryBudget } from "./retry-budget.ts";

/** What the router learns from calls; of one isolate, lost with it, never a reason to allow anything. */
export interface RouterState {
  breakers: Breakers;
  retries: RetryBudget;
  latencies: Latencies;
  /** Uniform in [0, 1), for the weighted strategy. */
  random(): number;
  /** After an activation: forgets providers that are gone. */
  retain(snapshot: Snapshot): void;
}

export function createRouterState(clock: Clock, random: () => number): RouterState {
  const breakers = new Breakers(clock);
  const retries = new RetryBudget(clock);
  return {
    breakers,
    retries,
    latencies: new Latencies(clock),
    random,
    retain(snapshot) {
      const providers = new Set(Object.keys(snapshot.providers));
      breakers.retain(providers);
      retries.retain(providers);
    },
  };
}
