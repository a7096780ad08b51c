import { TIER_NAMES } from "../../shared/contracts/config/intents.ts";
import type { CandidateEntry, ModelEntry, ModelsFile } from "../../shared/contracts/config/models.ts";
import type { JsonValue } from "../../shared/contracts/json.ts";
import { canonicalJson } from "../../shared/crypto/canonical-json.ts";
import type { Findings } from "./findings.ts";

const FILE = "models.yml";

/** Everything that `models.yml` says about one `provider:model`. */
export interface Declaration {
  id: string;
  /** Facts written under `models`; null when it is only named under `tiers`. */
  facts: CandidateEntry | null;
  /** Where it is listed under `tiers`. */
  listed: { tier: 0 | 1 | 2; group: "local" | "cloud" } | null;
  path: PropertyKey[];
}

/** The candidates of a model in their order: by id, the facts having been declared somewhere in the file. */
export const idsOf = (entry: ModelEntry): string[] =>
  entry.candidates === undefined
    ? [`${entry.provider}:${entry.model}`]
    : entry.candidates.map((candidate) => (typeof candidate === "string" ? candidate : idOf(candidate)));

const idOf = ({ provider, model }: { provider: string; model: string }): string => `${provider}:${model}`;

/** Every candidate of the file once, in file order: tiers first. Two different sets of facts for one id are a mistake. */
export function declareCandidates(file: ModelsFile, findings: Findings): Map<string, Declaration> {
  const found = new Map<string, Declaration>();
  for (const [tier, name] of TIER_NAMES.entries()) {
    for (const group of ["local", "cloud"] as const) {
      for (const [at, id] of (file.tiers[name]?.[group] ?? []).entries()) {
        const path = ["tiers", name, group, at];
        if (found.has(id)) findings.problem(FILE, path, `${id} is listed twice under tiers`);
        // safe because: TIER_NAMES has exactly three members
        else found.set(id, { id, facts: null, listed: { tier: tier as 0 | 1 | 2, group }, path });
      }
    }
  }
  for (const [name, entry] of Object.entries(file.models)) {
    for (const [path, facts] of factsOf(name, entry)) {
      const id = idOf(facts);
      const earlier = found.get(id);
      if (earlier?.facts && !same(earlier.facts, facts))
        findings.problem(FILE, path, `${id} is declared twice with different facts: refer to it as "${id}" here`);
      else found.set(id, { id, facts, listed: earlier?.listed ?? null, path: earlier?.facts ? earlier.path : path });
    }
  }
  return found;
}

function factsOf(name: string, entry: ModelEntry): [PropertyKey[], CandidateEntry][] {
  const { candidates, strategy, intent, owned_by, provider, model, ...facts } = entry;
  if (candidates === undefined)
    return provider === undefined || model === undefined ? [] : [[["models", name], { provider, model, ...facts }]];
  return candidates.flatMap((candidate, at): [PropertyKey[], CandidateEntry][] =>
    typeof candidate === "string" ? [] : [[["models", name, "candidates", at], candidate]],
  );
}

// safe because: both were read from JSON by their schema, and absent members are dropped
const plain = (facts: CandidateEntry): JsonValue => JSON.parse(JSON.stringify(facts)) as JsonValue;
const same = (a: CandidateEntry, b: CandidateEntry): boolean => canonicalJson(plain(a)) === canonicalJson(plain(b));
