import type { CellEntry } from "../../../shared/contracts/cell-directory.ts";
import { looksLikeApiKey, parseApiKey } from "../../../shared/crypto/api-key.ts";
import { tenantDigest } from "../../../shared/crypto/tenant-digest.ts";
import type { Credential } from "../authenticate/read-credential.ts";
import { jsonObject, tokenParts } from "../authenticate/token-parts.ts";
import type { DirectoryView } from "./directory-view.ts";

/** Where the tenant of a credential lives, as far as the directory says. Nothing about the credential is proven. */
export interface Home {
  readonly cell: CellEntry;
  /** Whether the tenant's calls may be decrypted on their way there. */
  readonly transit: boolean;
  /** Whoever shares bounds with this credential: its tenant, or its issuer. */
  readonly owner: string;
}

/**
 * The home that a credential names: an API key by its prefix, whose shape and checksum are looked at and no more, an
 * access token by its issuer and audience. Null for what names none, names several, or is malformed. Reads the directory
 * only, so that tenants that exist, are suspended or were never there take the same way.
 */
export function homeOf(view: DirectoryView, { text, bearer }: Credential): Home | null {
  if (looksLikeApiKey(text) || !bearer) return homeOfKey(view, text);
  return homeOfToken(view, text);
}

function homeOfKey(view: DirectoryView, text: string): Home | null {
  const names = parseApiKey(text);
  if (!names.ok) return null;
  const { cell: minted, tenant } = names.value;
  const digest = tenantDigest(view.salt, minted, tenant);
  const cell = view.cells.get(view.moved.get(digest) ?? minted);
  return cell === undefined ? null : { cell, transit: view.transit.has(digest), owner: `${minted}/${tenant}` };
}

function homeOfToken(view: DirectoryView, text: string): Home | null {
  const parts = tokenParts(text);
  const claims = parts === null ? null : jsonObject(parts.payload);
  const iss = typeof claims?.iss === "string" ? claims.iss : "";
  const audiences = view.issuers.get(iss);
  if (claims === null || audiences === undefined) return null;
  const named: unknown[] = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  const rows = named.flatMap((name) => (typeof name === "string" ? (audiences.get(name) ?? []) : []));
  const [first] = rows;
  // A token for tenants of two cells belongs to neither until one of them is asked directly.
  if (first === undefined || rows.some(({ cell }) => cell !== first.cell)) return null;
  const cell = view.cells.get(first.cell);
  const transit = rows.every(({ transit }) => transit === "allowed");
  return cell === undefined ? null : { cell, transit, owner: iss };
}

/** Whether the tenant that `X-Tenant` selects may pass too: what one tenant allows, another one has not. */
export const selectedMayPass = (view: DirectoryView, cell: CellEntry, selected: string | null): boolean =>
  selected === null || view.transit.has(tenantDigest(view.salt, cell.id, selected));
