import { randomBytes } from "node:crypto";
import { secretKeyring } from "../../functions/adapters/keyring/secret.ts";
import { CellId, KeyId, TenantId, type UnixMs } from "../../shared/contracts/ids.ts";
import { mintApiKey } from "../../shared/crypto/api-key.ts";
import { encodeBase62 } from "../../shared/crypto/base62.ts";

/** What a cell without a set-up of its own is told about its first tenant: digests, never a secret. */
export interface Bootstrap {
  tenant: string;
  api: { kid: string; digest: string };
  admin: { kid: string; digest: string };
}

export interface MintedBootstrap {
  bootstrap: Bootstrap;
  /** Of an application of the tenant. */
  apiKey: string;
  /** Of an administrator, who also operates the cell. */
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
  const names = { cell: CellId.parse(options.cell), tenant: TenantId.parse(options.tenant) };
  const mint = () => {
    const kid = KeyId.parse(encodeBase62(randomBytes(KID_BYTES), KID_CHARS).slice(-KID_CHARS));
    return mintApiKey({ ...names, kid }, randomBytes(32), macKey);
  };
  const [api, admin] = [mint(), mint()];
  const told = ({ kid, digest }: typeof api) => ({ kid, digest });
  return {
    bootstrap: { tenant: options.tenant, api: told(api), admin: told(admin) },
    apiKey: api.text,
    adminKey: admin.text,
  };
}
