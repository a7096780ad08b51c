import { z } from "zod";
import { CreatedKey, RotateKey } from "../../../shared/contracts/http/keys.ts";
import { KeyId } from "../../../shared/contracts/ids.ts";
import { JSON_INPUT } from "../input.ts";
import { operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { mint } from "./mint.ts";
import { keyObject } from "./view.ts";

/** Path of one key; an id that cannot exist is answered like one that does not. */
export const KeyPath = z.strictObject({ kid: KeyId });

export const rotateKey = operation({
  id: "keys.rotate",
  method: "post",
  path: "/v1/keys/{kid}/rotate",
  action: "key:write",
  gate: "governed",
  credential: "compared",
  effect: "reversible-write",
  retry: "never",
  ack: "commit",
  kind: "unary",
  ...JSON_INPUT,
  params: KeyPath,
  body: RotateKey,
  success: [201, CreatedKey, "The successor with its secret, shown once; the old key works until the overlap ends."],
  problems: ["not-found", "limit-reached", "misconfigured"],
  summary: "Replace a key, with overlap",
  tag: "Keys",
  resource: { kind: "key", param: "kid" },
  async execute(deps, { access, by, params, body, tenant }) {
    const minted = mint(deps, tenant.id);
    const successor = { kid: minted.kid, digest: minted.digest, overlap_ms: body.overlap_s * 1000 };
    const key = unwrap(await deps.tenants.rotateKey(tenant.id, { access, by }, params.kid, successor), {
      revoked: "A revoked or already rotated key cannot be rotated.",
    });
    return value({ ...keyObject(key), secret: minted.text });
  },
});
