import { encodeBase64url } from "./base64url.ts";
import { sha256 } from "./sha256.ts";

/**
 * A tenant in a cell directory: SHA-256 over the directory's salt, the cell that the tenant's keys name, and its id. Two
 * cells may have tenants of one name, so the cell is part of who it is.
 */
export const tenantDigest = (salt: string, cell: string, tenant: string): string =>
  encodeBase64url(sha256(`bailiwick/cell-directory/v1\n${salt}\n${cell}\n${tenant}`));
