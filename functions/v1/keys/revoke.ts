import { KeyObject } from "../../../shared/contracts/http/keys.ts";
import { DELETE } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { KeyPath } from "./rotate.ts";
import { keyObject } from "./view.ts";

/** Takes effect on the next request, with Postgres down too: the tenant's object is told before this answers. */
export const revokeKey = operation({
  ...DELETE,
  id: "keys.revoke",
  path: "/v1/keys/{kid}",
  action: "key:write",
  gate: "governed",
  credential: "compared",
  params: KeyPath,
  success: [200, KeyObject, "The revoked key. Revoking twice is the same as once."],
  problems: ["not-found", "tenant-locked", "tenant-suspended"],
  summary: "Revoke a key",
  tag: "Keys",
  resource: { kind: "key", param: "kid" },
  async execute(deps, { access, by, params, tenant }) {
    return value(keyObject(unwrap(await deps.tenants.revokeKey(tenant.id, { access, by }, params.kid))));
  },
});
