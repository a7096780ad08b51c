import { AliasName, splitRef } from "../../shared/contracts/config/fields.ts";
import { type IntentsFile, TIER_NAMES } from "../../shared/contracts/config/intents.ts";
import type { ModelsFile } from "../../shared/contracts/config/models.ts";
import { AUTO } from "../../shared/contracts/config/names.ts";
import type { Alias, Candidate, Strategy } from "../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import { idsOf } from "./declare-candidates.ts";
import type { Findings } from "./findings.ts";

interface Known {
  candidates: Record<string, Candidate>;
  /** null when `intents.yml` has mistakes of its own. */
  intents: IntentsFile | null;
}
interface Written {
  candidates: string[];
  strategy: Strategy;
  intent?: string | undefined;
  owned_by?: string | undefined;
}

/** One alias as somebody wrote it, with its references checked. */
export function compileAlias(
  where: { file: string; path: PropertyKey[] },
  name: string,
  written: Written,
  { candidates, intents }: Known,
  findings: Findings,
): Alias {
  const refuse = (path: PropertyKey[], message: string) =>
    findings.problem(where.file, [...where.path, ...path], message);
  if (name === AUTO) refuse([], "this name is taken: the router resolves `auto` itself");
  else if (intents && Object.hasOwn(intents, name)) refuse([], "an intent has this name; a model cannot have it too");
  const { intent } = written;
  if (intent !== undefined && intents && !Object.hasOwn(intents, intent))
    refuse(["intent"], `there is no intent ${intent}`);
  const seen = new Set<string>();
  for (const [at, id] of written.candidates.entries()) {
    if (!Object.hasOwn(candidates, id))
      refuse(["candidates", at], `${id} is declared neither under tiers nor by another model`);
    if (seen.has(id)) refuse(["candidates", at], `${id} is listed twice`);
    seen.add(id);
  }
  const providers = new Set(written.candidates.map((id) => splitRef(id).provider));
  const [only] = providers;
  return {
    name,
    intent: intent ?? null,
    candidates: [...seen],
    strategy: written.strategy,
    owned_by: written.owned_by ?? (providers.size === 1 && only !== undefined ? only : "bailiwick"),
  };
}

/** Names of `models.yml`: those written under `models`, then those that follow from `tiers`. A written name wins. */
export function compileAliases(file: ModelsFile, known: Known, findings: Findings): Record<string, Alias> {
  const aliases: Record<string, Alias> = Object.create(null);
  for (const [name, entry] of Object.entries(file.models)) {
    const written = {
      candidates: idsOf(entry),
      strategy: entry.strategy,
      intent: entry.intent,
      owned_by: entry.owned_by,
    };
    aliases[name] = compileAlias({ file: "models.yml", path: ["models", name] }, name, written, known, findings);
  }
  for (const [name, candidates] of impliedNames(file)) {
    if (name in aliases || name === AUTO || (known.intents && Object.hasOwn(known.intents, name))) continue;
    if (!AliasName.safeParse(name).success) continue;
    const written: Written = { candidates, strategy: "ordered" };
    aliases[name] = {
      ...compileAlias({ file: "models.yml", path: ["tiers"] }, name, written, known, findings),
      implicit: true,
    };
  }
  if (Object.keys(aliases).length > LIMITS.modelsMax)
    findings.problem("models.yml", ["models"], `more than ${LIMITS.modelsMax} names`);
  return aliases;
}

/** `provider:model`, the bare model id and the tier's own name, for each reference under `tiers`. */
function impliedNames({ tiers }: ModelsFile): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const tier of TIER_NAMES) {
    for (const id of [...(tiers[tier]?.local ?? []), ...(tiers[tier]?.cloud ?? [])]) {
      for (const name of [id, splitRef(id).model, tier]) {
        const ids = names.get(name) ?? [];
        if (!ids.includes(id) && ids.length < LIMITS.candidatesMax) names.set(name, [...ids, id]);
      }
    }
  }
  return names;
}
