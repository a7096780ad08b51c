import type { IntentConfig, Snapshot } from "../../shared/contracts/config/snapshot.ts";
import { factSet, type IntentFacts, type PolicyFacts } from "../../shared/contracts/policy/facts.ts";
import { setOrNull } from "./compile-rules.ts";

/**
 * `data.facts` of one tenant under one snapshot: pure, and the same for the same two. Other tenants leave no trace in it.
 */
export function policyFacts(snapshot: Snapshot, tenant: string): PolicyFacts {
  const { policies } = snapshot;
  const rules = policies.rules ?? NO_RULES;
  const configured = Object.keys(snapshot.providers);
  const own = Object.hasOwn(snapshot.tenants, tenant) ? snapshot.tenants[tenant] : undefined;
  return {
    schema_version: 1,
    snapshot: snapshot.digest,
    residency: { jurisdictions_allow: factSet(policies.jurisdictions_allow ?? []) },
    providers: { deny: factSet(policies.providers_deny), allow: factSet(policies.providers_allow ?? configured) },
    privacy: {
      local_only_intents: factSet(policies.local_only_intents),
      local_only_classifications: factSet(policies.local_only_classifications ?? []),
    },
    intents: Object.fromEntries(Object.entries(snapshot.intents).map(([name, intent]) => [name, intentFacts(intent)])),
    markings: rules.markings,
    restrictions: [...rules.restrictions, ...(own?.restrictions ?? [])],
    data_loss: rules.data_loss,
    high_risk: rules.high_risk,
    tenant: {
      id: tenant,
      providers_allow: factSet(own?.providers_allow ?? configured),
      purposes: setOrNull(own?.labels?.purposes?.allowed),
      markings: setOrNull(own?.markings_allow),
    },
  };
}

const intentFacts = ({ privacy, routes, tiers, labels, limits }: IntentConfig): IntentFacts => ({
  privacy,
  routes: factSet(routes),
  tiers: [tiers.includes(0), tiers.includes(1), tiers.includes(2)],
  purposes: setOrNull(labels?.purposes?.allowed),
  limits: limits ?? {},
});

const NO_RULES: NonNullable<Snapshot["policies"]["rules"]> = {
  markings: {},
  restrictions: [],
  data_loss: { detectors: {}, output: [] },
  high_risk: { actions: {}, acr_values: null },
};
