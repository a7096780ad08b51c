import { type LayerPolicy, withFacts } from "../../../policies/decide/decide-layer.ts";
import { fromJson } from "../../../policies/engine/json.ts";
import { OObject } from "../../../policies/engine/value.ts";
import type { Snapshot } from "../../../shared/contracts/config/snapshot.ts";
import { LIMITS } from "../../../shared/contracts/limits.ts";
import { policyFacts } from "../../config/policy-facts.ts";
import { Recent } from "./recent.ts";

/** `data.facts` of a tenant under a snapshot as an engine's value; the same object for the same two. */
export function factsValues(): (snapshot: Snapshot, tenant: string) => OObject {
  const perSnapshot = new WeakMap<Snapshot, Recent<string, OObject>>();
  return (snapshot, tenant) => {
    let known = perSnapshot.get(snapshot);
    if (!known) {
      known = new Recent(LIMITS.policyFactsCachedMax);
      perSnapshot.set(snapshot, known);
    }
    let facts = known.get(tenant);
    if (!facts) {
      const value = fromJson(policyFacts(snapshot, tenant));
      if (!value.ok || !(value.value instanceof OObject)) throw new Error("facts are a document");
      facts = value.value;
      known.set(tenant, facts);
    }
    return facts;
  };
}

/** A policy over a tenant's facts, made once for the two and kept as long as both are. */
export function policiesOverFacts(): (policy: LayerPolicy, facts: OObject) => LayerPolicy {
  const perPolicy = new WeakMap<LayerPolicy, WeakMap<OObject, LayerPolicy>>();
  return (policy, facts) => {
    let known = perPolicy.get(policy);
    if (!known) {
      known = new WeakMap();
      perPolicy.set(policy, known);
    }
    let over = known.get(facts);
    if (!over) {
      over = { plan: policy.plan, data: withFacts(policy.data, facts) };
      known.set(facts, over);
    }
    return over;
  };
}
