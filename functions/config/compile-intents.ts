import { type IntentsFile, TIER_NAMES } from "../../shared/contracts/config/intents.ts";
import { AUTO } from "../../shared/contracts/config/names.ts";
import type { Candidate, IntentConfig } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { compileLabels } from "./compile-labels.ts";
import { compileCaps } from "./compile-rules.ts";
import type { Findings } from "./findings.ts";

const FILE = "intents.yml";

/** Intents with their tiers as numbers. `candidates` is null when `models.yml` has mistakes of its own. */
export function compileIntents(
  file: IntentsFile,
  candidates: Record<string, Candidate> | null,
  findings: Findings,
): Record<string, IntentConfig> {
  const intents: Record<string, IntentConfig> = Object.create(null);
  if (Object.keys(file).length > LIMITS.modelsMax) findings.problem(FILE, [], `more than ${LIMITS.modelsMax} intents`);
  for (const [name, entry] of Object.entries(file)) {
    const refuse = (member: string, message: string) => findings.problem(FILE, [name, member], message);
    if (name === AUTO) findings.problem(FILE, [name], "this name is taken: the router resolves `auto` itself");
    if (entry.default_route !== "auto" && !entry.candidates.includes(entry.default_route))
      refuse("default_route", `${entry.default_route} is not among its candidates`);
    if (entry.privacy === "local-only" && !entry.candidates.some((route) => route !== "api"))
      refuse("candidates", "api alone can never run under privacy local-only");
    const tiers = [...new Set(entry.tiers_allowed.map((tier) => TIER_NAMES.indexOf(tier)))] as (0 | 1 | 2)[]; // safe because: TIER_NAMES has three members
    if (candidates && !Object.values(candidates).some(({ tier }) => tiers.includes(tier)))
      findings.warn(FILE, [name, "tiers_allowed"], "no model is in these tiers");
    intents[name] = {
      name,
      default_route: entry.default_route,
      routes: [...new Set(entry.candidates)],
      privacy: entry.privacy,
      tiers,
      vector_usage: entry.vector_usage,
      labels: compileLabels(entry),
      limits: compileCaps(entry.limits),
    };
  }
  return intents;
}
