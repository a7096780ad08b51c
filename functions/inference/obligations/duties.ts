import type { Decision, Obligation } from "../../../shared/contracts/decision.ts";
import type { ObligationId } from "../../../shared/contracts/policy/obligations.ts";

type Params<Id extends ObligationId> = Extract<Obligation, { id: Id }>;

/** The obligations under which a candidate may be used: those of the call, then its own; each once. */
export function dutiesOf({ obligations, route }: Decision, candidate: string): readonly Obligation[] {
  const own = route?.candidates.get(candidate) ?? NONE;
  return obligations.length + own.length === 0 ? NONE : distinct([...obligations, ...own]);
}
const NONE: readonly Obligation[] = [];

/** Every obligation that a decision names, whichever candidate is used: what a stored answer is delivered under. */
export function allDuties({ obligations, route }: Decision): Obligation[] {
  return distinct([...obligations, ...[...(route?.candidates.values() ?? [])].flat()]);
}

export const ofKind = <Id extends ObligationId>(duties: readonly Obligation[], id: Id): Params<Id>[] =>
  duties.filter((duty): duty is Params<Id> => duty.id === id);

/** Two layers may ask for the same: it is done once and recorded once. */
export const keyOf = ({ id, params }: Obligation): string =>
  JSON.stringify([id, Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1))]);

function distinct(duties: readonly Obligation[]): Obligation[] {
  return [...new Map(duties.map((duty) => [keyOf(duty), duty] as const)).values()];
}

/** The lowest cap on output tokens per choice that policy sets for a candidate; null when it sets none. */
export function outputCapOf(decision: Decision, candidate: string): number | null {
  let least = decision.limits?.output_tokens_max ?? Number.POSITIVE_INFINITY;
  for (const duty of dutiesOf(decision, candidate))
    if (duty.id === "cap_output_tokens") least = Math.min(least, duty.params.max);
  return least === Number.POSITIVE_INFINITY ? null : least;
}

/** What is asked about keeping content; `forbid` wins over `retain`, which a decision never carries together. */
export function contentDuty(duties: readonly Obligation[]): "forbid" | "retain" | null {
  if (duties.some(({ id }) => id === "forbid_content")) return "forbid";
  return duties.some(({ id }) => id === "retain_content") ? "retain" : null;
}
