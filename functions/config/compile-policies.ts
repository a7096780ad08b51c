import { POLICY_DEFAULTS, RATE_DEFAULTS } from "../../shared/contracts/config/defaults.ts";
import type { IntentsFile } from "../../shared/contracts/config/intents.ts";
import type { PoliciesFile } from "../../shared/contracts/config/policies.ts";
import type { RatesEntry } from "../../shared/contracts/config/rates.ts";
import type { RateLimits, SecretRef, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import { formatUsd } from "../../shared/contracts/money.ts";
import { compileBundles } from "./compile-bundles.ts";
import { compileRules } from "./compile-rules.ts";
import type { Findings } from "./findings.ts";

const FILE = "policies.yml";

/** `intents` is null when that file has mistakes of its own. */
export function compilePolicies(
  file: PoliciesFile,
  intents: IntentsFile | null,
  secretsPresent: (ref: SecretRef) => boolean,
  findings: Findings,
): Snapshot["policies"] {
  const hardCap = file.budget.hard_cap_usd ?? POLICY_DEFAULTS.task_budget_hard_cap_nusd;
  const budget = file.budget.default_usd ?? POLICY_DEFAULTS.task_budget_default_nusd;
  if (budget > hardCap)
    findings.problem(FILE, ["budget", "default_usd"], `is more than the hard cap of ${formatUsd(hardCap)} USD`);
  const localOnly = file.privacy.local_only_intents ?? POLICY_DEFAULTS.local_only_intents;
  for (const [at, intent] of localOnly.entries())
    if (intents && !Object.hasOwn(intents, intent))
      findings.problem(FILE, ["privacy", "local_only_intents", at], `there is no intent ${intent}`);
  const order = file.routing.fallback_order ?? POLICY_DEFAULTS.fallback_order;
  if (new Set(order).size !== order.length)
    findings.problem(FILE, ["routing", "fallback_order"], "names a route twice");
  return {
    task_budget_default_nusd: budget,
    task_budget_hard_cap_nusd: hardCap,
    p95_ms: Object.fromEntries(Object.entries(file.latency.p95_ms).filter(([, ms]) => ms !== undefined)),
    local_only_intents: [...localOnly],
    local_only_classifications: file.privacy.local_only_classifications ?? [],
    providers_deny: file.providers.deny ?? [],
    providers_allow: file.providers.allow ?? null,
    jurisdictions_allow: file.routing.jurisdictions_allow ?? [],
    fallback_order: [...order],
    retry_budget: file.routing.retry_budget ?? POLICY_DEFAULTS.retry_budget,
    rules: compileRules(file, findings),
    bundles: compileBundles(file.bundles, { file: FILE, path: ["bundles", "keys"] }, secretsPresent, findings),
  };
}

/** Only the members that were written; each is complete, so they replace the cell's one by one. */
export function writtenRates(entry: RatesEntry): Partial<RateLimits> {
  const rates: Partial<RateLimits> = {};
  if (entry.key !== undefined) rates.key = entry.key;
  if (entry.user !== undefined) rates.user = entry.user;
  if (entry.workspace !== undefined) rates.workspace = entry.workspace;
  if (entry.tenant !== undefined) rates.tenant = entry.tenant;
  if (entry.tokens !== undefined) rates.tokens = entry.tokens;
  if (entry.preauth_per_minute !== undefined) rates.preauth_per_minute = entry.preauth_per_minute;
  return rates;
}

export const compileRates = (file: PoliciesFile): RateLimits => ({
  ...structuredClone(RATE_DEFAULTS),
  ...writtenRates(file.rates ?? {}),
});
