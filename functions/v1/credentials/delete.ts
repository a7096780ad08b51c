import { z } from "zod";
import { Deleted } from "../../../shared/contracts/http/deleted.ts";
import { CredentialRef } from "../../../shared/contracts/ids.ts";
import { DELETE } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";

export const deleteCredential = operation({
  ...DELETE,
  id: "credentials.delete",
  path: "/v1/credentials/{credential_id}",
  action: "credential:write",
  gate: "governed",
  credential: "compared",
  params: z.strictObject({ credential_id: CredentialRef }),
  success: [200, Deleted, "The sealed key is gone."],
  problems: ["not-found", "tenant-locked", "tenant-suspended"],
  summary: "Delete a provider key",
  tag: "Credentials",
  resource: { kind: "credential", param: "credential_id" },
  async execute(deps, { access, by, params, tenant }) {
    unwrap(await deps.tenants.deleteCredential(tenant.id, { access, by }, params.credential_id));
    return value({ object: "credential", id: params.credential_id, deleted: true });
  },
});
