import type { OperatorGrants } from "../../durable/tenant/embedded.ts";
import type { TenantId } from "../../shared/contracts/ids.ts";
import type { Attribution } from "../../shared/contracts/ledger.ts";
import type { Telemetry } from "../../shared/contracts/ports/telemetry.ts";
import { type FirstKey, operatorKey } from "./bootstrap.ts";

/** A key of the cell's operators as a deployment names it: its digest, never the key. */
export type OperatorBinding = Pick<FirstKey, "kid" | "digest"> & { tenant: TenantId };

/**
 * Grants the key that the deployment names, in its tenant's ledger. A key id is granted once: a binding that is left in
 * place, or put back, changes nothing and brings back no key that was revoked. A refusal is logged, and holds up nothing:
 * the next isolate tries again. Rejects where the tenant's object does not answer.
 */
export async function grantBoundOperator(
  grants: OperatorGrants,
  { tenant, kid, digest }: OperatorBinding,
  { by, telemetry }: { by: Attribution; telemetry: Pick<Telemetry, "log"> },
): Promise<void> {
  const granted = await grants.grant(tenant, by, operatorKey({ kid, digest }, "operator, named by the deployment"));
  if (granted.ok) telemetry.log.warn("operator_key.granted", { tenant, kid });
  else if (granted.error.reason !== "exists")
    telemetry.log.error("operator_key.refused", new Error(granted.error.reason), { tenant, kid });
}
