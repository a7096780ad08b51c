import type { PoliciesFile } from "../../shared/contracts/config/policies.ts";
import type {
  CapsEntry,
  DataLossEntry,
  HighRiskEntry,
  RestrictionEntry,
} from "../../shared/contracts/config/policy-rules.ts";
import type { PolicyRules } from "../../shared/contracts/config/snapshot.ts";
import { type FactSet, factSet, type PolicyFacts } from "../../shared/contracts/policy/facts.ts";
import { DETECTOR_CLASSES, DETECTOR_NAMES } from "../redaction/select-detectors.ts";
import type { Findings } from "./findings.ts";

type Caps = PolicyFacts["intents"][string]["limits"];

/** The default policy's rules, as it reads them. */
export function compileRules(file: PoliciesFile, findings: Findings): PolicyRules {
  if (high(file.high_risk) && file.high_risk.acr_values === null)
    findings.problem("policies.yml", ["high_risk", "acr_values"], "a step-up needs values that satisfy it");
  return {
    markings: Object.fromEntries(
      Object.entries(file.markings).map(([marking, { local_only, jurisdictions, providers }]) => [
        marking,
        { local_only, jurisdictions: setOrNull(jurisdictions), providers: setOrNull(providers) },
      ]),
    ),
    restrictions: file.restrictions.map(compileRestriction),
    data_loss: compileDataLoss(file.data_loss, findings),
    high_risk: { actions: file.high_risk.actions, acr_values: file.high_risk.acr_values },
  };
}

const high = ({ actions }: HighRiskEntry): boolean => Object.values(actions).some(({ step_up }) => step_up);

export const setOrNull = (names: readonly string[] | null | undefined): FactSet | null =>
  names ? factSet(names) : null;

export const compileCaps = ({ budget_usd, output_tokens_max, latency_ms_max }: CapsEntry): Caps => ({
  ...(budget_usd === undefined ? {} : { budget_nusd: budget_usd }),
  ...(output_tokens_max === undefined ? {} : { output_tokens_max }),
  ...(latency_ms_max === undefined ? {} : { latency_ms_max }),
});

/** Lists as sets; what was not written is not asked. */
export const compileRestriction = ({
  id,
  when,
  deny,
  only,
}: RestrictionEntry): PolicyRules["restrictions"][number] => ({
  id,
  when: sets(when),
  deny: deny === true,
  only: sets(only ?? {}),
});

const sets = (lists: Readonly<Record<string, readonly (string | number)[] | undefined>>): Record<string, FactSet> =>
  Object.fromEntries(
    Object.entries(lists).flatMap(([member, list]) => (list ? [[member, factSet(list.map(String))]] : [])),
  );

/** A kind stands for its detectors; one that is named itself keeps its own entry. A name that nobody has finds nothing. */
function compileDataLoss({ detectors, output }: DataLossEntry, findings: Findings): PolicyRules["data_loss"] {
  for (const name of [...Object.keys(detectors), ...output])
    if (!DETECTOR_NAMES.has(name)) findings.problem("policies.yml", ["data_loss"], `there is no detector ${name}`);
  const entries = Object.entries(detectors);
  const isKind = (name: string) => Object.hasOwn(DETECTOR_CLASSES, name);
  const kinds = entries.filter(([name]) => isKind(name));
  return {
    detectors: Object.fromEntries([
      ...kinds.flatMap(([name, entry]) => (DETECTOR_CLASSES[name] ?? []).map((id) => [id, entry] as const)),
      ...entries.filter(([name]) => !isKind(name)),
    ]),
    output: [...new Set(output)],
  };
}
