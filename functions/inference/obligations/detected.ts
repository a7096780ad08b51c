import type { JsonObject } from "../../../shared/contracts/json.ts";
import type { Dialect } from "../../../shared/contracts/ports/engine.ts";
import type { Undecided } from "../../context.ts";
import { detectIn } from "../../redaction/redact-body.ts";

/** Of a tenant that has never had a bundle: activation raises it. */
const NO_BUNDLE_VERSION = 1;

/**
 * What detectors find in a request, for policy to decide on; null when nobody asks: the cell's rules name no detector and
 * the tenant has no policy of its own, which might.
 */
export function detectedIn(
  call: Pick<Undecided, "snapshot" | "access">,
  surface: Dialect,
  body: JsonObject,
): string[] | null {
  const ruled = call.snapshot.policies.rules?.data_loss.detectors ?? {};
  const asked = Object.keys(ruled).length > 0 || call.access.versions.policy > NO_BUNDLE_VERSION;
  return asked ? detectIn(surface, body) : null;
}
