import { z } from "zod";
import type { Actor, Role } from "../../../shared/contracts/actor.ts";
import { FileId } from "../../../shared/contracts/ids.ts";
import type { FileRecord } from "../../../shared/contracts/ports/batch-store.ts";
import { decodeBase64url, encodeBase64url } from "../../../shared/crypto/base64url.ts";
import { open } from "../../../shared/crypto/open.ts";
import { seal } from "../../../shared/crypto/seal.ts";
import { utf8 } from "../../../shared/crypto/utf8.ts";
import type { Call, Deps } from "../../context.ts";
import { ProblemError } from "../../problem.ts";
import type { Sealing } from "./content.ts";

/** Any text: an id that cannot exist, another workspace's and another tenant's get the same 404. */
export const FilePath = z.strictObject({ file_id: z.string().max(128) });

/** Roles that answer for the whole tenant. */
const TENANT_WIDE: ReadonlySet<Role> = new Set<Role>(["admin", "operator", "auditor"]);

/** The only workspace whose files and batches the caller sees; null for every one. */
export const confinedTo = ({ roles, cell_operator, scopes }: Actor): string | null =>
  cell_operator || roles.some((role) => TENANT_WIDE.has(role)) ? null : scopes.workspace;

export const sealingOf = async (deps: Deps, { tenant }: Pick<Call, "tenant">): Promise<Sealing> => ({
  tenant: tenant.id,
  dataKey: await deps.keyring.openDataKey(tenant.id, tenant.data_key),
});

const nameObject = (file: FileId): string => `file/${file}/name`;

export const sealName = async ({ tenant, dataKey }: Sealing, file: FileId, name: string): Promise<string> =>
  encodeBase64url(await seal(dataKey, { tenant, object: nameObject(file) }, utf8(name)));

export async function fileObject({ tenant, dataKey }: Sealing, file: FileRecord) {
  const sealed = decodeBase64url(file.name);
  const name = sealed && (await open(dataKey, { tenant, object: nameObject(file.id) }, sealed));
  if (!name?.ok) throw new Error(`the name of ${file.id} does not open`);
  return {
    id: file.id,
    object: "file",
    bytes: file.bytes,
    created_at: Math.floor(file.created_ms / 1000),
    expires_at: file.expires_ms === null ? null : Math.floor(file.expires_ms / 1000),
    filename: new TextDecoder().decode(name.value),
    purpose: file.purpose,
    status: "processed",
  };
}

/** Throws `not-found`, about `param` where the body named the file. */
export async function fileOf(
  deps: Deps,
  call: Pick<Call, "tenant" | "actor">,
  id: string,
  param?: string,
): Promise<FileRecord> {
  const parsed = FileId.safeParse(id);
  const found = parsed.success ? await deps.batches.file(call.tenant.id, parsed.data) : null;
  const own = confinedTo(call.actor);
  if (!found?.ok || (own !== null && found.value.workspace !== own))
    throw new ProblemError("not-found", param === undefined ? {} : { param });
  return found.value;
}
