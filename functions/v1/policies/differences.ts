import { SIMULATED_CHANGES, type SimulatedChange } from "../../../shared/contracts/http/policies.ts";
import type { JsonValue } from "../../../shared/contracts/json.ts";
import type { RecordedOutcome } from "../../../shared/contracts/policy/record.ts";
import { canonicalJson } from "../../../shared/crypto/canonical-json.ts";

/** No change counted yet. */
export const tally = (): Record<SimulatedChange, number> =>
  // safe because: every name of the list is there
  Object.fromEntries(SIMULATED_CHANGES.map((change) => [change, 0])) as Record<SimulatedChange, number>;

const passes = ({ decision }: RecordedOutcome): boolean => decision === "ALLOW" || decision === "ROUTE";

// safe because: outcomes are JSON; members that are undefined are not there
const plain = (value: unknown): string => canonicalJson(JSON.parse(JSON.stringify(value ?? null)) as JsonValue);
const differ = (a: unknown, b: unknown): boolean => plain(a) !== plain(b);

/** Obligations are a set: their order says nothing. */
const setOf = (obligations: RecordedOutcome["obligations"]): string[] => obligations.map(plain).sort();

const candidatesOf = ({ route }: RecordedOutcome): string[] | null =>
  route === null ? null : Object.keys(route).sort();
const underOf = ({ route }: RecordedOutcome) =>
  Object.entries(route ?? {})
    .map(([candidate, under]) => [candidate, ...setOf(under)])
    .sort();

/** The first difference in the order in which it would be felt. Reasons alone are none. */
export function changeOf(before: RecordedOutcome, after: RecordedOutcome): SimulatedChange {
  if (before.decision !== "DENY" && after.decision === "DENY") return "newly_denied";
  if (before.decision === "DENY" && passes(after)) return "newly_allowed";
  if (passes(before) !== passes(after)) return "changed_decision";
  if (!passes(before) && before.decision !== after.decision) return "changed_decision";
  if (differ(candidatesOf(before), candidatesOf(after))) return "changed_route";
  if (differ(setOf(before.obligations), setOf(after.obligations)) || differ(underOf(before), underOf(after)))
    return "changed_obligations";
  const demands = ({ limits, acr, approvals, throttle }: RecordedOutcome) => ({ limits, acr, approvals, throttle });
  return differ(demands(before), demands(after)) ? "changed_demands" : "same";
}
