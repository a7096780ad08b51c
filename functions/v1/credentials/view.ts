import type { ProviderCredential } from "../../../shared/contracts/ports/tenant-store.ts";
import { rfc3339 } from "../time.ts";

export const credentialObject = ({ ref, provider, name, created_ms }: Omit<ProviderCredential, "sealed">) => ({
  object: "credential",
  id: ref,
  provider,
  name,
  created_at: rfc3339(created_ms),
});
