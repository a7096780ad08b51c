import type { Obligation } from "../../../shared/contracts/decision.ts";
import { ofKind } from "./duties.ts";
import type { Outcomes } from "./outcomes.ts";

const HEADER = "x-bailiwick-disclaimer";

/** Puts the disclaimers of a decision into the headers of an answer; several are joined, in the decision's order. */
export function disclaim(
  duties: readonly Obligation[],
  headers: Record<string, string>,
  outcomes: Outcomes | null = null,
): void {
  const own = ofKind(duties, "disclaimer");
  if (own.length === 0) return;
  headers[HEADER] = own.map(({ params }) => params.text).join(" | ");
  for (const duty of own) outcomes?.applied(duty, HEADER);
}
