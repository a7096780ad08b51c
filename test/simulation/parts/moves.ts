import type { MovingParts } from "../../../functions/cells/moving/parts.ts";
import { type DirectoryView, directoryView } from "../../../functions/pipeline/locate/directory-view.ts";
import { CellDirectory } from "../../../shared/contracts/cell-directory.ts";
import { CELL } from "./config.ts";

/** Where tenants set out for, and never arrive. */
export const ELSEWHERE = "elsewhere";

const cellOf = (id: string) => ({
  ...{ id, jurisdiction: CELL.jurisdiction, base_url: `https://${id}.example.com`, hosts: [], forwarding_keys: [] },
});

/** Every tenant lives where it was made. */
export const DIRECTORY: DirectoryView = directoryView(
  CellDirectory.parse({
    ...{ schema_version: 1, version: 1, issued: "2026-01-01T00:00:00Z", expires: "2026-01-08T00:00:00Z" },
    ...{ salt: "s".repeat(43), moved: [], cells: [cellOf(CELL.id), cellOf(ELSEWHERE)], issuers: [], transit: [] },
  }),
);

/** What a cell without a control database keeps of scopes: nothing. */
export const NO_SCOPES: MovingParts["scopes"] = {
  read: async () => ({ scopes: { workspaces: [], projects: [], environments: [] }, pending: 0 }),
  restore: async () => true,
};
