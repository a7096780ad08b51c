import type { PolicyLayer, PolicyState, StoredBundle } from "../../../shared/contracts/ports/policy-store.ts";
import { rfc3339 } from "../time.ts";

export const bundleObject = ({ layer }: PolicyLayer, bundle: StoredBundle) => ({
  object: "policy.bundle" as const,
  id: String(bundle.revision),
  layer,
  revision: bundle.revision,
  digest: bundle.digest,
  contract: bundle.contract,
  signed_by: bundle.signed_by,
  bytes: bundle.bytes,
  state: bundle.state,
  created_at: rfc3339(bundle.created_ms),
  created_by: bundle.created_by,
});

export const policyObject = ({ layer }: PolicyLayer, { version, active, canary }: PolicyState) => ({
  object: "policy" as const,
  layer,
  version,
  active,
  canary: canary === null ? null : { ...canary.bundle, percent: canary.percent },
});
