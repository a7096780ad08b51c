import type { PolicyCandidate } from "../../shared/contracts/policy/input.ts";
import type { Obligation } from "../../shared/contracts/policy/obligations.ts";
import type { CandidateSelector } from "../../shared/contracts/policy/selector.ts";
import type { RouteAnswer } from "./answer.ts";
import { mergeObligations } from "./obligations.ts";

/** Whether every member of the selector that is there fits the candidate. */
export const selects = (selector: CandidateSelector, candidate: PolicyCandidate): boolean =>
  (selector.candidate === undefined || selector.candidate === candidate.id) &&
  (selector.engine === undefined || selector.engine === candidate.model) &&
  (selector.provider === undefined || selector.provider === candidate.provider) &&
  (selector.region === undefined || selector.region === candidate.jurisdiction) &&
  (selector.tier === undefined || selector.tier === candidate.tier) &&
  (selector.locality === undefined || selector.locality === candidate.locality);

/** Whether one layer approves the candidate: it matches an `allow` (absent: any does) and no `deny`. */
export const approves = ({ allow, deny }: RouteAnswer, candidate: PolicyCandidate): boolean =>
  (allow === undefined || allow.some((selector) => selects(selector, candidate))) &&
  !deny?.some((selector) => selects(selector, candidate));

const dutiesOf = ({ obligations }: RouteAnswer, candidate: PolicyCandidate): Obligation[] =>
  obligations?.flatMap((entry) => (selects(entry.match, candidate) ? entry.obligations : [])) ?? [];

/** The candidates that every layer approves, and what each is used under. */
export interface ResolvedRoute {
  candidates: ReadonlyMap<string, readonly Obligation[]>;
  /** Whether a candidate was approved but could not be used, because its obligations contradict each other. */
  conflicts: boolean;
}

/**
 * Resolves the routes of all layers over the candidates offered: their intersection, in the order offered. What a
 * candidate is used under is complete: its own obligations of every layer merged with those on the call as a whole.
 */
export function resolveRoutes(
  routes: readonly RouteAnswer[],
  candidates: readonly PolicyCandidate[],
  onCall: readonly Obligation[],
): ResolvedRoute {
  const approved = new Map<string, readonly Obligation[]>();
  let conflicts = false;
  for (const candidate of candidates) {
    if (!routes.every((route) => approves(route, candidate))) continue;
    const own = routes.map((route) => dutiesOf(route, candidate));
    if (own.every((list) => list.length === 0)) {
      approved.set(candidate.id, onCall);
      continue;
    }
    const duties = mergeObligations(onCall, ...own);
    if (duties.ok) approved.set(candidate.id, duties.value);
    else conflicts = true;
  }
  return { candidates: approved, conflicts };
}
