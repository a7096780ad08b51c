import type { KeyId, TenantId } from "../../../shared/contracts/ids.ts";
import { mintApiKey } from "../../../shared/crypto/api-key.ts";
import { sha256Hex } from "../../../shared/crypto/sha256.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

/** A new key: its public id, its whole text to show once, and the digest to keep. */
export function mint(deps: Pick<Deps, "ids" | "keyring" | "cell">, tenant: TenantId): { kid: KeyId; secret: string; digest: string } {
  const [macKey] = deps.keyring.macKeys();
  if (!macKey) throw new ProblemError("misconfigured");
  const kid = deps.ids.base62(12) as KeyId; // safe because: twelve base62 characters are the id's pattern
  const secret = mintApiKey({ cell: deps.cell.id, tenant, kid, secret: deps.ids.bytes(32), macKey });
  return { kid, secret, digest: sha256Hex(secret) };
}
