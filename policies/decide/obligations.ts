import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Obligation, ObligationId } from "../../shared/contracts/policy/obligations.ts";
import { err, ok, type Result } from "../../shared/contracts/result.ts";

/** Obligations that cannot be kept together. */
export interface ObligationConflict {
  reason: "obligation_conflict";
}

type Params<Id extends ObligationId> = Extract<Obligation, { id: Id }>["params"];
/** Both parameters in one, at least as strict as each; undefined: they contradict each other. */
type Merge<Id extends ObligationId> = (a: Params<Id>, b: Params<Id>) => Params<Id> | undefined;

const none = (): Record<string, never> => ({});
const detectors = (a: { detectors?: string[] | undefined }, b: { detectors?: string[] | undefined }) =>
  a.detectors === undefined || b.detectors === undefined
    ? {}
    : { detectors: [...new Set([...a.detectors, ...b.detectors])].sort() };

/** Between the texts of several disclaimers in one header. */
const DISCLAIMER_SEPARATOR = " | ";

/** How two of a kind become one, and the order in which obligations are stated. */
const MERGES: { readonly [Id in ObligationId]: Merge<Id> } = {
  redact_input: detectors,
  redact_output: detectors,
  cap_output_tokens: (a, b) => ({ max: Math.min(a.max, b.max) }),
  require_local: none,
  pin_model: (a, b) => (a.model === b.model ? a : undefined),
  forbid_tools: none,
  retain_content: none,
  forbid_content: none,
  audit_level: (a, b) => (a.level === "full" ? a : b),
  disclaimer: (a, b) => {
    const parts = new Set([a, b].flatMap(({ text }) => text.split(DISCLAIMER_SEPARATOR)));
    const text = [...parts].join(DISCLAIMER_SEPARATOR);
    return text.length <= LIMITS.policyDisclaimerCharsMax ? { text } : undefined;
  },
};
// safe because: these are the table's own keys
const ORDER = Object.keys(MERGES) as readonly ObligationId[];

/**
 * The union of obligations, one of a kind and each at least as strict as all that were stated: detectors together, lowest
 * cap, highest audit level, disclaimers joined in the order given. Refuses what no call can keep: two pinned models,
 * content that is to be retained and forbidden, disclaimers longer than their header may be.
 */
export function mergeObligations(
  ...lists: readonly (readonly Obligation[])[]
): Result<Obligation[], ObligationConflict> {
  const merged = new Map<ObligationId, Obligation>();
  for (const list of lists) {
    for (const obligation of list) {
      const known = merged.get(obligation.id);
      // One that stands alone is merged with itself, so that equal demands always read the same.
      const both = mergePair(known ?? obligation, obligation);
      if (both === undefined) return err({ reason: "obligation_conflict" });
      merged.set(obligation.id, both);
    }
  }
  if (merged.has("retain_content") && merged.has("forbid_content")) return err({ reason: "obligation_conflict" });
  return ok(ORDER.flatMap((id) => merged.get(id) ?? []));
}

function mergePair(a: Obligation, b: Obligation): Obligation | undefined {
  // safe because: the table has each id's own merge, and `a` and `b` have the same id
  const params = (MERGES[a.id] as Merge<ObligationId>)(a.params as never, b.params as never);
  // safe because: the merge of an id gives parameters of that id
  return params === undefined ? undefined : ({ id: a.id, params } as Obligation);
}
