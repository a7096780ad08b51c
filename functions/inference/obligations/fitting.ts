import type { Candidate, ProviderConfig } from "../../../shared/contracts/config/snapshot.ts";
import type { Decision, Obligation } from "../../../shared/contracts/decision.ts";
import type { JsonObject, JsonValue } from "../../../shared/contracts/json.ts";
import type { RouteReason } from "../../../shared/contracts/task.ts";
import type { Offer } from "../candidates.ts";
import { dutiesOf } from "./duties.ts";

/** Members by which a request brings tools, in any dialect. */
const TOOLS = ["tools", "functions", "mcp_servers", "web_search_options"];
/** Further members that only mean something beside them. */
const ABOUT_TOOLS = ["tool_choice", "function_call", "parallel_tool_calls", "tool_resources"];

export const bringsTools = (body: JsonObject): boolean => TOOLS.some((name) => isFilled(body[name]));
const isFilled = (value: JsonValue | undefined): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);

/** The body without anything about tools: none reach an engine. */
export function withoutTools(body: JsonObject): JsonObject {
  const made = { ...body };
  for (const name of [...TOOLS, ...ABOUT_TOOLS]) delete made[name];
  return made;
}

/** The obligation under which this candidate cannot serve this request; null when it can. */
export function misfit(
  duties: readonly Obligation[],
  { candidate, provider }: { candidate: Candidate; provider: ProviderConfig },
  body: JsonObject,
): Obligation | null {
  const broken = (duty: Obligation): boolean => {
    switch (duty.id) {
      case "require_local":
        return provider.locality !== "local";
      case "pin_model":
        return candidate.model !== duty.params.model;
      case "forbid_tools":
        return bringsTools(body);
      case "forbid_content":
        // A conversation grows with every call that names it.
        return isFilled(body.conversation);
      default:
        return false;
    }
  };
  return duties.find(broken) ?? null;
}

export interface Fitting {
  usable: Offer[];
  /** Candidates that their obligations rule out, with the reason. */
  excluded: RouteReason[];
  /** What stands against the last candidate, when none is left. */
  broken: Obligation | null;
}

/** Which candidates can be used as policy demands. A pure filter: it adds none. */
export function fitting(decision: Decision, offers: readonly Offer[], body: JsonObject): Fitting {
  const made: Fitting = { usable: [], excluded: [], broken: null };
  for (const offer of offers) {
    const broken = misfit(dutiesOf(decision, offer.candidate.id), offer, body);
    if (broken === null) made.usable.push(offer);
    else {
      made.broken = broken;
      made.excluded.push({ candidate: offer.candidate.id, outcome: "rejected", reason: `obligation:${broken.id}` });
    }
  }
  return made;
}
