import type { Decided, PolicyInput } from "../../shared/contracts/decision.ts";
import type { Call, Deps } from "../context.ts";
import { askPolicies } from "./ask-policy.ts";
import { refusalOf } from "./enforce.ts";

/** Which resource an item of a list is, and where it lies; a scope that it does not name is the caller's own. */
export interface Listed {
  id: string;
  workspace?: string | null;
  project?: string | null;
  environment?: string | null;
}

/**
 * Those of a page's items that policy lets this caller read, each asked about by itself and all over one state of the
 * policy; a page is bounded, so the questions are. An item that policy would only show under an obligation that the list
 * does not carry out anyway is left out. Throws `policy-unavailable`.
 */
export async function readable<T>(deps: Deps, call: Call, items: readonly T[], of: (item: T) => Listed): Promise<T[]> {
  if (items.length === 0) return [];
  const { resource, scopes } = call.policyInput;
  const questions = items.map((item): PolicyInput => {
    const { id, workspace, project, environment } = of(item);
    const place = { workspace: workspace ?? null, project: project ?? null, environment: environment ?? null };
    const named = Object.fromEntries(Object.entries(place).filter(([, value]) => value !== null));
    // safe because: stores answer scopes in the form of their ids
    return {
      ...call.policyInput,
      resource: { ...resource, id },
      scopes: { ...scopes, ...named } as PolicyInput["scopes"],
    };
  });
  const decided = await askPolicies(deps, call, questions);
  return items.filter((_, at) => shows(decided[at], call));
}

function shows(decided: Decided | undefined, { decided: whole }: Pick<Call, "decided">): boolean {
  if (decided === undefined) throw new Error("a question without its answer");
  const { decision } = decided;
  if (decision.decision === "REQUIRE_HITL" || refusalOf(decided, {}) !== null) return false;
  const carried = new Set(whole.decision.obligations.map((obligation) => JSON.stringify(obligation)));
  return decision.obligations.every((obligation) => carried.has(JSON.stringify(obligation)));
}
