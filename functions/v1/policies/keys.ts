import type { BundleKeyConfig } from "../../../shared/contracts/config/snapshot.ts";
import {
  PolicyKeyList,
  PolicyKeyObject,
  PolicyKeyPath,
  PolicyKeyQuery,
  PutPolicyKey,
} from "../../../shared/contracts/http/policy-keys.ts";
import type { TenantId } from "../../../shared/contracts/ids.ts";
import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { RegisteredKey } from "../../../shared/contracts/policy/registered-key.ts";
import type { RegisteredKeys } from "../../../shared/contracts/ports/policy-key-store.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import { DELETE, JSON_INPUT, READ } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { targetTenant } from "../tenants/target.ts";
import { rfc3339 } from "../time.ts";

type Asked = Pick<Call<unknown, unknown, { tenant?: TenantId | undefined }>, "actor" | "access" | "tenant" | "query">;

const common = { gate: "governed", credential: "fresh", tag: "Policies", query: PolicyKeyQuery } as const;
const one = { params: PolicyKeyPath, resource: { kind: "policy", param: "kid" } } as const;

const target = (deps: Deps, call: Asked) => targetTenant(deps, call, call.query.tenant ?? call.tenant.id);

const configured = ({ snapshot }: Pick<Call, "snapshot">, tenant: TenantId): readonly BundleKeyConfig[] =>
  snapshot.tenants[tenant]?.bundles?.keys ?? [];

const registeredObject = ({ id, algorithm, public_key, created_ms, created_by }: RegisteredKey): PolicyKeyObject => ({
  object: "policy.key",
  id,
  algorithm,
  public_key,
  source: "registered",
  created_at: rfc3339(created_ms),
  created_by,
});
const configuredObject = ({ id, algorithm, public_key }: BundleKeyConfig): PolicyKeyObject => ({
  object: "policy.key",
  id,
  algorithm,
  public_key,
  source: "configured",
  created_at: null,
  created_by: null,
});

/** All keys that verify a tenant's bundles; where both name one, the configuration's counts. */
function listOf(call: Pick<Call, "snapshot">, tenant: TenantId, { keys, version }: RegisteredKeys): PolicyKeyList {
  const named = configured(call, tenant);
  const beside = keys.filter(({ id }) => !named.some((key) => key.id === id));
  return { object: "list", data: [...named.map(configuredObject), ...beside.map(registeredObject)], version };
}

async function allKeys(deps: Deps, call: Asked & Pick<Call, "snapshot">): Promise<PolicyKeyList> {
  const { state, access } = await target(deps, call);
  return listOf(call, state.id, unwrap(await deps.tenants.policyKeys(state.id, access)));
}

/** Counts from the next request on; a change of a key is a change of the policy's version. */
export const putPolicyKey = operation({
  ...common,
  ...one,
  ...JSON_INPUT,
  id: "policies.keys.put",
  method: "put",
  path: "/v1/policies/keys/{kid}",
  action: "policy:write",
  effect: "reversible-write",
  retry: "safe",
  ack: "commit",
  kind: "unary",
  body: PutPolicyKey,
  success: [200, PolicyKeyObject, "The key, which may sign the tenant's bundles from now on."],
  problems: ["already-exists", "limit-reached", "not-found"],
  summary: "Register a key that signs policy bundles",
  async execute(deps, call) {
    const { state, access } = await target(deps, call);
    const { algorithm, public_key } = call.body;
    // safe because: it is a member of a body that was parsed from JSON
    const key = { id: call.params.kid, algorithm, public_key: public_key as string | JsonObject };
    if (configured(call, state.id).some(({ id }) => id === key.id))
      throw new ProblemError("already-exists", { detail: "The configuration of the cell names a key with this id." });
    if (!(await deps.policyTools.checkKey(key)).ok)
      throw new ProblemError("invalid-request", {
        param: "public_key",
        detail: `The key cannot verify ${algorithm}: another kind or curve, or too short.`,
      });
    const stored = await deps.tenants.putPolicyKey(state.id, { access, by: call.by }, key);
    return value(
      registeredObject(
        unwrap(stored, {
          limit: "The tenant has as many keys as it may.",
          in_use: "A bundle in force is signed by the key of this id: register another id.",
        }),
      ),
    );
  },
});

export const listPolicyKeys = operation({
  ...READ,
  ...common,
  id: "policies.keys.list",
  path: "/v1/policies/keys",
  action: "policy:read",
  success: [200, PolicyKeyList, "All keys that may sign the tenant's bundles, at the version of its policy."],
  problems: ["not-found"],
  summary: "List the keys that sign policy bundles",
  resource: { kind: "policy" },
  execute: async (deps, call) => value(await allKeys(deps, call)),
});

export const getPolicyKey = operation({
  ...READ,
  ...common,
  ...one,
  id: "policies.keys.get",
  path: "/v1/policies/keys/{kid}",
  action: "policy:read",
  success: [200, PolicyKeyObject, "The key."],
  problems: ["not-found"],
  summary: "Get a key that signs policy bundles",
  async execute(deps, call) {
    const { data } = await allKeys(deps, call);
    const found = data.find(({ id }) => id === call.params.kid);
    if (!found) throw new ProblemError("not-found");
    return value(found);
  },
});

/** What is in force keeps its key; what else the key has signed goes with it. */
export const deletePolicyKey = operation({
  ...DELETE,
  ...common,
  ...one,
  effect: "reversible-write",
  id: "policies.keys.delete",
  path: "/v1/policies/keys/{kid}",
  action: "policy:write",
  success: [200, PolicyKeyList, "The keys that are left."],
  problems: ["not-found", "limit-reached"],
  summary: "Remove a registered key",
  async execute(deps, call) {
    const { state, access } = await target(deps, call);
    const left = await deps.tenants.deletePolicyKey(state.id, { access, by: call.by }, call.params.kid);
    return value(
      listOf(
        call,
        state.id,
        unwrap(left, {
          in_use: "A bundle in force is signed by this key: put another one in force, or none, first.",
        }),
      ),
    );
  },
});
