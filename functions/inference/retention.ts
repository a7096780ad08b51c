import type { UnixMs } from "../../shared/contracts/ids.ts";
import { LIMITS } from "../../shared/contracts/limits.ts";
import type { Call, Deps } from "../context.ts";

/** When content that is kept now ends, as the tenant's `retention` in the call's snapshot says. */
export function keptUntil(
  { clock }: Pick<Deps, "clock">,
  { snapshot, tenant }: Pick<Call, "snapshot" | "tenant">,
  what: "conversations" | "responses",
): UnixMs {
  const life = snapshot.tenants[tenant.id]?.retention?.[`${what}_ms`] ?? LIMITS.sessionMsDefault;
  return (clock.now() + life) as UnixMs; // safe because: milliseconds plus milliseconds
}
