import { CreateCredential, CredentialObject } from "../../../shared/contracts/http/credentials.ts";
import { encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import { ProblemError } from "../../problem.ts";
import { JSON_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { credentialObject } from "./view.ts";

/** The provider key is sealed under the tenant's data key before any store sees it; only the engine adapter opens it. */
export const createCredential = operation({
  id: "credentials.create",
  method: "post",
  path: "/v1/credentials",
  action: "credential:write",
  gate: "governed",
  credential: "compared",
  effect: "reversible-write",
  retry: "never",
  ack: "commit",
  kind: "unary",
  ...JSON_INPUT,
  body: CreateCredential,
  success: [201, CredentialObject, "A reference. The key itself is never answered."],
  problems: ["limit-reached", "tenant-locked", "tenant-suspended"],
  summary: "Bring a provider key",
  tag: "Credentials",
  resource: { kind: "credential" },
  async execute(deps, { access, by, body, tenant, snapshot }) {
    if (!snapshot.providers[body.provider]?.tenant_credentials)
      throw new ProblemError("invalid-request", {
        param: "provider",
        detail: "This provider takes no credentials of tenants.",
      });
    const ref = deps.ids.mint("cred");
    const dataKey = await deps.keyring.openDataKey(tenant.id, tenant.data_key);
    const sealed = encodeBase64url(await seal(dataKey, { tenant: tenant.id, object: ref }, utf8(body.secret)));
    const stored = await deps.tenants.putCredential(
      tenant.id,
      { access, by },
      { ref, provider: body.provider, name: body.name, sealed },
    );
    return value(credentialObject(unwrap(stored, { limit: "The tenant has as many credentials as it may." })));
  },
});
