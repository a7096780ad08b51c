import type { Actor } from "../../../shared/contracts/actor.ts";
import type { TenantState } from "../../../shared/contracts/ports/tenant-store.ts";
import { err, ok, type Result } from "../../../shared/contracts/result.ts";
import type { Deps } from "../../context.ts";
import { actorOfKey, keyInForce } from "../../pipeline/authenticate/key-verifier.ts";
import type { Identified } from "../identify.ts";

/**
 * The requester of what is run without a caller, as they may act now: a key's row is read again, a token's claims stand as
 * they were when it was good.
 */
export async function authority(
  deps: Pick<Deps, "tenants" | "clock">,
  state: TenantState,
  actor: Actor,
): Promise<Result<Identified, { reason: "not_in_force" }>> {
  if (actor.kid === null)
    return ok({ actor, access: { kid: null, versions: { credential: 0, ...state.versions } }, state });
  const found = await deps.tenants.lookup(state.id, actor.kid);
  if (!found.ok || found.value.key === null || !keyInForce(found.value.key, deps.clock.now()))
    return err({ reason: "not_in_force" });
  return ok(actorOfKey(found.value.key, found.value.state));
}
