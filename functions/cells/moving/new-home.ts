import { tenantDigest } from "../../../shared/crypto/tenant-digest.ts";
import type { DirectoryView } from "../../pipeline/locate/directory-view.ts";

/**
 * Whether a directory says that a tenant lives in `to` now: keys of `from` lead there, and those of no cell lead to `from`
 * any more.
 */
export function namesHome(view: DirectoryView, tenant: string, from: string, to: string): boolean {
  const homeOf = (cell: string) => view.moved.get(tenantDigest(view.salt, cell, tenant));
  return homeOf(from) === to && [...view.cells.keys()].every((cell) => homeOf(cell) !== from);
}
