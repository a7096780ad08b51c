import { randomBytes } from "node:crypto";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import {
  CellId,
  EnvironmentId,
  KeyId,
  ProjectId,
  TenantId,
  type UnixMs,
  WorkspaceId,
} from "../../shared/contracts/ids.ts";
import type { ProvisionTenant } from "../../shared/contracts/ports/tenant-store.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase62 } from "../../shared/crypto/base62.ts";

/** What a cell without a set-up of its own is told about its first tenant: digests, never a secret. */
export interface Bootstrap extends Pick<ProvisionTenant, "settings" | "keys"> {
  tenant: string;
}

export interface MintedBootstrap {
  bootstrap: Bootstrap;
  /** Of a developer of the tenant. */
  apiKey: string;
  /** Of an operator of the cell. */
  adminKey: string;
}

const KID_BYTES = 8;
const KID_CHARS = 12;

/** Mints the first two keys of a cell under its root secret. */
export async function mintBootstrap(options: {
  cell: string;
  tenant: string;
  root: Uint8Array;
}): Promise<MintedBootstrap> {
  const clock = { now: () => Date.now() as UnixMs }; // safe because: the wall clock
  const [macKey] = (await secretKeyring([options.root], clock)).macKeys();
  if (!macKey) throw new Error("the keyring has no key");
  const cell = CellId.parse(options.cell);
  const tenant = TenantId.parse(options.tenant);
  const scope = {
    workspace: WorkspaceId.parse("default"),
    project: ProjectId.parse("default"),
    environment: EnvironmentId.parse("default"),
  };
  const mint = (name: string, role: Pick<Bootstrap["keys"][number], "roles" | "cell_operator">) => {
    const kid = KeyId.parse(encodeBase62(randomBytes(KID_BYTES), KID_CHARS).slice(-KID_CHARS));
    const { text, digest } = mintApiKey({ cell, tenant, kid }, randomBytes(32), macKey);
    const record = { kid, digest, name, ...scope, subject: `key:${kid}`, kind: "service" as const, granted: ["*"] };
    return { text, record: { ...record, ...role, expires_ms: null } };
  };
  const developer = mint("demo", { roles: ["developer"], cell_operator: false });
  const operator = mint("operator", { roles: ["admin", "operator"], cell_operator: true });
  return {
    bootstrap: {
      tenant,
      settings: { name: tenant, privacy: "allow-api", content: "store", transit: "refused" },
      keys: [developer.record, operator.record],
    },
    apiKey: developer.text,
    adminKey: operator.text,
  };
}
