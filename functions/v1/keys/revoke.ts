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
  problems: ["not-found", "last-key", "tenant-locked", "tenant-suspended"],
  summary: "Revoke a key",
  tag: "Keys",
  resource: { kind: "key", param: "kid" },
  async execute(deps, { access, by, params, tenant }) {
    const revoked = await deps.tenants.revokeKey(tenant.id, { access, by }, params.kid);
    return value(
      keyObject(
        unwrap(revoked, {
          last_key: "It is the last one that can make keys. Rotate it with `overlap_s: 0`, which ends it at once.",
        }),
      ),
    );
  },
});
