import { z } from "zod";
import { CreatedKey, RotateKey } from "../../../shared/contracts/http/keys.ts";
import { KeyId } from "../../../shared/contracts/ids.ts";
import type { KeyRecord } from "../../../shared/contracts/ports/tenant-store.ts";
import { JSON_INPUT } from "../input.ts";
import { NOTHING_PREPARED, operation, value } from "../operation.ts";
import { unwrap } from "../refusals.ts";
import { requireCellOperator } from "../tenants/target.ts";
import { keyChange } from "./key-change.ts";
import { mint } from "./mint.ts";
import { requireGranted } from "./require-granted.ts";
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
  problems: ["not-found", "limit-reached", "misconfigured", "forbidden"],
  summary: "Replace a key, with overlap",
  tag: "Keys",
  resource: { kind: "key", param: "kid" },
  /** The successor has the roles of the key that it replaces, in the hands of whoever rotates. */
  async prepare(deps, { tenant, params }) {
    const found = await deps.tenants.lookup(tenant.id, params.kid);
    const key = found.ok ? found.value.key : null;
    return { ...NOTHING_PREPARED, grants: key?.roles ?? [], carry: key };
  },
  async execute(deps, call) {
    const { params, body, tenant } = call;
    const before = call.prepared as KeyRecord | null; // safe because: `prepare` found it
    // Who operates the cell is the cell's own set-up to say: an administrator of its tenant does not become one by rotation.
    if (before?.cell_operator) requireCellOperator(call);
    requireGranted(call, before?.granted ?? []);
    const minted = mint(deps, tenant.id);
    const successor = { kid: minted.kid, digest: minted.digest, overlap_ms: body.overlap_s * 1000 };
    const key = unwrap(await deps.tenants.rotateKey(tenant.id, keyChange(call), params.kid, successor), {
      revoked: "A revoked or already rotated key cannot be rotated.",
    });
    return value({ ...keyObject(key), secret: minted.text });
  },
});
