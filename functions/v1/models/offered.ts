import type { Alias } from "../../../shared/contracts/config/snapshot.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import type { Call, Deps } from "../../context.ts";
import { type Asked, candidatesFor } from "../../inference/candidates.ts";
import { pinOf } from "../../pipeline/pinned.ts";

/** Aliases are the cell's, and the tenant's own where both name one. */
export const aliasesOf = ({ snapshot, tenant }: Pick<Call, "snapshot" | "tenant">): Record<string, Alias> => ({
  ...snapshot.aliases,
  ...snapshot.tenants[tenant.id]?.aliases,
});

/** What this caller would ask of a name, beside what a body asks: privacy, pins, labels, credentials of the tenant. */
export async function askedBy(deps: Deps, call: Call): Promise<(model: string, surface: Dialect) => Asked> {
  const brought = await deps.tenantCredentials.providers(deps, call);
  const always = {
    intent: null,
    features: { tools: false, images: false, structured_output: false },
    privacy: call.privacy,
    pin: pinOf(call.tenant, call.actor.scopes.workspace),
    classification: call.labels.classification,
    tenantCredentials: new Set(brought.keys()),
  };
  return (model, surface) => ({ ...always, model, surface });
}

/**
 * Whether a call of this caller could be routed to a name, on some surface: its provider is configured, has its secret,
 * and is allowed. Configuration only: an engine that is away, or a pool without workers, takes nothing from the list.
 */
export async function offers(deps: Deps, call: Call): Promise<(alias: Alias) => boolean> {
  const { snapshot, tenant } = call;
  const asked = await askedBy(deps, call);
  const surfacesOf = (id: string): readonly Dialect[] =>
    Object.hasOwn(snapshot.candidates, id) ? (snapshot.candidates[id]?.surfaces ?? []) : [];
  return ({ name, candidates }) =>
    [...new Set(candidates.flatMap(surfacesOf))].some(
      (surface) => candidatesFor(snapshot, snapshot.tenants[tenant.id] ?? null, asked(name, surface)).ok,
    );
}
