import { LayerQuery, PolicyObject, RollbackPolicy } from "../../../shared/contracts/http/policies.ts";
import { DELETE, JSON_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { targetLayer } from "./layer.ts";
import { policyObject } from "./view.ts";

const common = { gate: "governed", credential: "fresh", tag: "Policies", query: LayerQuery } as const;

export const getPolicy = operation({
  ...READ,
  ...common,
  id: "policies.get",
  path: "/v1/policies",
  action: "policy:read",
  success: [200, PolicyObject, "What is in force in the layer."],
  problems: ["not-found"],
  summary: "Get the policy in force",
  resource: { kind: "policy" },
  async execute(deps, call) {
    const { layer } = await targetLayer(deps, call, call.query);
    return value(policyObject(layer, unwrap(await deps.policies.state(layer))));
  },
});

/** The only way to an older revision; whoever may activate may take back. */
export const rollbackPolicy = operation({
  ...common,
  ...JSON_INPUT,
  id: "policies.rollback",
  method: "post",
  path: "/v1/policies/rollback",
  action: "policy:activate",
  effect: "reversible-write",
  retry: "never",
  ack: "commit",
  kind: "unary",
  body: RollbackPolicy,
  success: [200, PolicyObject, "What is in force now."],
  problems: ["not-found", "version-conflict"],
  summary: "Go back to an older bundle, or to what was in force before",
  resource: { kind: "policy" },
  async execute(deps, call) {
    const { layer, change } = await targetLayer(deps, call, call.query);
    const outcome = await deps.policies.activate(layer, change, {
      revision: call.body.revision,
      canary_percent: null,
      rollback: true,
      expected_version: call.body.expected_version ?? null,
    });
    return value(
      policyObject(layer, unwrap(outcome, { not_found: "There is no such bundle to go back to, or none is active." })),
    );
  },
});

export const endCanary = operation({
  ...DELETE,
  ...common,
  effect: "reversible-write",
  id: "policies.canary.end",
  path: "/v1/policies/canary",
  action: "policy:activate",
  success: [200, PolicyObject, "What is in force now. Ending twice is the same as once."],
  problems: ["not-found"],
  summary: "End the canary: what is active decides for all",
  resource: { kind: "policy" },
  async execute(deps, call) {
    const { layer, change } = await targetLayer(deps, call, call.query);
    const target = { revision: null, canary_percent: null, rollback: false, expected_version: null };
    return value(policyObject(layer, unwrap(await deps.policies.activate(layer, change, target))));
  },
});
