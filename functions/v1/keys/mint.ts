import type { KeyId, TenantId } from "../../../shared/contracts/ids.ts";
import { CellId } from "../../../shared/contracts/ids.ts";
import { type MintedApiKey, mintApiKey } from "../../../shared/crypto/api-key.ts";
import type { Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";

const SECRET_BYTES = 32;
const KID_CHARS = 12;

/** A new key of a tenant: its names, its whole text to show once, and the digest to keep. */
export function mint(
  deps: Pick<Deps, "ids" | "keyring"> & { cell: Pick<Deps["cell"], "id"> },
  tenant: TenantId,
): MintedApiKey {
  const [macKey] = deps.keyring.macKeys();
  if (!macKey) throw new ProblemError("misconfigured");
  const kid = deps.ids.base62(KID_CHARS) as KeyId; // safe because: twelve base62 characters are the id's pattern
  return mintApiKey({ cell: CellId.parse(deps.cell.id), tenant, kid }, deps.ids.bytes(SECRET_BYTES), macKey);
}
