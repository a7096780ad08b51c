import type { Candidate, Strategy } from "../../shared/contracts/config/snapshot.ts";
import { unreachable } from "../../shared/contracts/result.ts";
import type { Offer } from "./candidates.ts";

/** What a strategy may look at; injected, so that the same facts give the same order. */
export interface StrategyFacts {
  /** Uniform in [0, 1). */
  random(): number;
  /** Mean time to the first byte; null while unmeasured. */
  latencyMs(candidateId: string): number | null;
  /** Dearest cost of this call at the candidate. */
  costNusd(candidate: Candidate): number;
}

/** A permutation of the offers; ties keep the order in which they are listed. */
export function orderBy(strategy: Strategy, offers: readonly Offer[], facts: StrategyFacts): Offer[] {
  switch (strategy) {
    case "ordered":
      return [...offers];
    case "weighted":
      return drawByWeight(offers, facts.random);
    case "least-latency":
      // Unmeasured ones first: each must be tried to be known.
      return sortBy(offers, ({ candidate }) => facts.latencyMs(candidate.id) ?? -1);
    case "cost":
      return sortBy(offers, ({ candidate }) => facts.costNusd(candidate));
    default:
      return unreachable(strategy);
  }
}

const sortBy = (offers: readonly Offer[], key: (offer: Offer) => number): Offer[] =>
  offers
    .map((offer) => ({ offer, key: key(offer) }))
    .sort((a, b) => a.key - b.key)
    .map(({ offer }) => offer);

/** Draws without replacement, each time with the chance that its weight has among those left. */
function drawByWeight(offers: readonly Offer[], random: () => number): Offer[] {
  const left = [...offers];
  const drawn: Offer[] = [];
  while (left.length > 0) {
    let mark = random() * left.reduce((sum, { candidate }) => sum + candidate.weight, 0);
    // The last one takes what rounding leaves over.
    const at = left.findIndex(({ candidate }, index) => {
      mark -= candidate.weight;
      return mark < 0 || index === left.length - 1;
    });
    drawn.push(...left.splice(at, 1));
  }
  return drawn;
}
