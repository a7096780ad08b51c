import type { TenantId } from "../../shared/contracts/ids.ts";
import type { PolicyLayer, PolicyStore } from "../../shared/contracts/ports/policy-store.ts";

type OfLayer<M> = M extends (layer: PolicyLayer, ...rest: infer A) => infer R ? (...rest: A) => R : never;

/** The port for one layer, over the object that holds it. */
export type PolicyLayerStore = { readonly [M in keyof PolicyStore]: OfLayer<PolicyStore[M]> };

/** The port over the object of each layer. */
export function policyStore(objects: {
  cell: PolicyLayerStore;
  tenant: (tenant: TenantId) => PolicyLayerStore;
}): PolicyStore {
  const of = (layer: PolicyLayer) => (layer.layer === "cell" ? objects.cell : objects.tenant(layer.tenant));
  return {
    state: (layer) => of(layer).state(),
    bundle: (layer, digest) => of(layer).bundle(digest),
    put: (layer, change, bundle) => of(layer).put(change, bundle),
    activate: (layer, change, target) => of(layer).activate(change, target),
    list: (layer, access) => of(layer).list(access),
  };
}
